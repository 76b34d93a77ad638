//===- Pictures.h - a package to be looked at -------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two pictures of a scheduled program, both made from the package alone (the
// text of the queues, the wires, the debug sections), so that they show what
// will run and not what the compiler meant: a page for a browser and a trace
// for Perfetto. docs/pictures.md says what they show.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_REPORT_PICTURES_H
#define LPU_REPORT_PICTURES_H

#include "lpu/Binary/Package.h"

namespace lpu {

/// A kernel of a chip class, from the package's debug section `kernels`.
/// Iteration k runs from cycle first + k * period to last + k * period, from
/// its first issue (which may be a prefetch) to its last effect.
struct KernelSpan {
  std::string name, kind;
  unsigned chipClass = 0;
  int64_t first = 0, last = 0;
  int64_t iterations = 1, period = 0;
};
/// Name of that debug section, a JSON array of objects with the fields of
/// KernelSpan.
constexpr const char *kernelSectionName = "kernels";
std::string writeKernelSection(llvm::ArrayRef<KernelSpan> kernels);
/// All kernels that the package names; none without the section. Errors: the
/// section is not what writeKernelSection writes.
llvm::Expected<std::vector<KernelSpan>> readKernelSection(const Package &);

/// Instructions that a class may execute, after loops and before repeats, to
/// be drawn.
constexpr uint64_t mostPictured = 5000000;

/// One HTML page that needs no network. Errors: illegal text, loops that do
/// not match, more than mostPictured instructions in a class.
llvm::Error writePage(const Package &package, llvm::raw_ostream &os);

/// Chrome trace events (Perfetto opens them): one process per chip, one track
/// per queue, one event per instruction run, loops unrolled; vectors on their
/// way over a link as events of the sender, joined to both ends by arrows. One
/// cycle is one microsecond of trace time. Where the chips together have more
/// than mostPictured events, one chip per class stands for all of the class.
/// Errors: as writePage.
llvm::Error printTrace(const Package &package, llvm::raw_ostream &os);

} // namespace lpu

#endif // LPU_REPORT_PICTURES_H
