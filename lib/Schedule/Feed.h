//===- Feed.h - a product that feeds another ------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The scores of attention go through a softmax that keeps the vector unit busy
// for longer than the planes need for their product, and the product with the
// values reads what the softmax gives. If all gangs work on the first and then
// on the second, planes idle during the first and the vector unit during the
// second. So each has a gang of its own: jobs of the second follow as soon as
// the jobs that they read are done, while the next ones of the first go on.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_SCHEDULE_FEED_H
#define LPU_LIB_SCHEDULE_FEED_H

#include "lpu/Stream/Program.h"

namespace lpu::schedule {

/// Some jobs of one of two products.
struct FeedStep {
  bool isSecond = false;
  stream::Matmul part;
};

} // namespace lpu::schedule

#endif // LPU_LIB_SCHEDULE_FEED_H
