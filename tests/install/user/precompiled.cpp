// SPDX-License-Identifier: Apache-2.0
/// Uses the headers that hone::pch precompiles.
int main() { return hone::digits(1, 1).size() == 1 && torch::ones({2}).sum().item<int>() == 2 ? 0 : 1; }
