// SPDX-License-Identifier: Apache-2.0
int from_c(void) { return 1; }
