// SPDX-License-Identifier: Apache-2.0
// See gloo.hpp.
#pragma once
