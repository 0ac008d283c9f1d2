// SPDX-License-Identifier: Apache-2.0
    .data
    .globl from_assembly
    .p2align 2
from_assembly:
    .long 2
    .section .note.GNU-stack,"",%progbits
