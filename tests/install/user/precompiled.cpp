// SPDX-License-Identifier: Apache-2.0
/// Has its headers from hone::pch.
int main() { return hone::digits(1, 1).size() == 1 && torch::ones({2}).sum().item<int>() == 2 ? 0 : 1; }
