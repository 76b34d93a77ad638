//===- OutputFile.h - files that a user asks for ----------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One rule for every file that a tool writes. An output is a regular file or
// does not exist yet; a symbolic link to a regular file is followed. Anything
// else (a device, a FIFO, a directory) is refused, because a file takes its
// name only when it is complete, by a rename, and a rename would replace it. A
// tool checks all its outputs before it starts to work, so that an hour of
// compiling does not end at a folder that is not there.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SUPPORT_OUTPUTFILE_H
#define LPU_SUPPORT_OUTPUTFILE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace lpu {

/// The files of one run of a tool. "-" is standard output and never refused.
class FileRoles {
public:
  /// \p role names the file in messages: "the model", "--report". Empty paths
  /// are ignored.
  void addInput(llvm::StringRef role, llvm::StringRef path);
  void addOutput(llvm::StringRef role, llvm::StringRef path);

  /// Everything that is wrong with the outputs: not a regular file, the same
  /// file as an input or another output, no folder, no permission.
  llvm::Error check() const;

  /// Only whether an output is an input, for tools that write in place.
  llvm::Error checkInputs() const;

  /// After a failure: takes away the outputs that exist, so that an older file
  /// does not look like the result. Of a link, the link goes and its target
  /// stays. Returns their paths.
  std::vector<std::string> removeOutputs() const;

private:
  llvm::Error check(bool all) const;
  struct File {
    std::string role, path;
  };
  std::vector<File> inputs, outputs;
};

/// Writes a file beside \p path and renames it when it is complete; on an error
/// `path` is as it was.
llvm::Error
writeOutputFile(llvm::StringRef path,
                llvm::function_ref<llvm::Error(llvm::raw_ostream &)> body);

} // namespace lpu

#endif // LPU_SUPPORT_OUTPUTFILE_H
