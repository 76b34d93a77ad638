// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function per translation; each is in the file of its name.

#ifndef LPU_TOOLS_TRANSLATIONS_H
#define LPU_TOOLS_TRANSLATIONS_H

namespace lpu {

void registerONNXTranslation();

} // namespace lpu

#endif
