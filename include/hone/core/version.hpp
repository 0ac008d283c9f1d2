// SPDX-License-Identifier: Apache-2.0
/// The version of hone.
#pragma once

#define HONE_VERSION_MAJOR 0
#define HONE_VERSION_MINOR 1
#define HONE_VERSION_PATCH 0
