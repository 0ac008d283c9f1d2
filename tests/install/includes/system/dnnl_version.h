// SPDX-License-Identifier: Apache-2.0
#define SYSTEM_DNNL
