// SPDX-License-Identifier: Apache-2.0
/// The part of the library hone::hone for training with several ranks. It is a separate file so that a single-process
/// program does not link it.
#include "hone/distributed/collective_log.ipp"
#include "hone/distributed/failure_detector.ipp"
#include "hone/distributed/gloo.ipp"
#include "hone/distributed/launcher.ipp"
#include "hone/distributed/process_group.ipp"
