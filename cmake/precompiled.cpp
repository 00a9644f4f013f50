// SPDX-License-Identifier: Apache-2.0
//
// Owns the precompiled headers: CMake wants a source file in each target.
