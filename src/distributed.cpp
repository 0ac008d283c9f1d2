// SPDX-License-Identifier: Apache-2.0
/// What hone::hone has for training with many processes. A file of its own: a program that trains alone takes nothing of it
/// from the library.
#include "hone/distributed/collective_log.ipp"
#include "hone/distributed/failures.ipp"
#include "hone/distributed/gloo.ipp"
#include "hone/distributed/launcher.ipp"
#include "hone/distributed/process_group.ipp"
