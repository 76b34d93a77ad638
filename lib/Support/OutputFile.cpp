//===- OutputFile.cpp - files that a user asks for ------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Support/OutputFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace lpu;
namespace fs = llvm::sys::fs;

static bool isStandardOutput(StringRef path) { return path == "-"; }

/// Where the bytes go: behind symbolic links. The error says why nothing can.
static Expected<std::string> target(StringRef path) {
  fs::file_status status;
  std::error_code code = fs::status(path, status); // follows links
  if (fs::is_symlink_file(path)) {
    SmallString<256> real;
    if (code || fs::real_path(path, real))
      return createStringError("is a symbolic link to nothing");
    if (!fs::is_regular_file(status))
      return createStringError("is a link to something that is no regular "
                               "file");
    return real.str().str();
  }
  if (!code && status.type() == fs::file_type::directory_file)
    return createStringError("is a directory");
  if (!code && !fs::is_regular_file(status))
    return createStringError("is not a regular file");
  if (code && code != std::errc::no_such_file_or_directory)
    return createStringError(code.message());
  return path.str();
}

/// Empty if a file can be written there.
static std::string whyNot(StringRef path) {
  Expected<std::string> real = target(path);
  if (!real)
    return toString(real.takeError());
  StringRef folder = sys::path::parent_path(*real);
  if (folder.empty())
    folder = ".";
  if (!fs::is_directory(folder))
    return "the folder '" + folder.str() + "' does not exist";
  if (fs::exists(*real) && !fs::can_write(*real))
    return "the file is write-protected";
  if (!fs::can_write(folder))
    return "no file can be made in the folder '" + folder.str() + "'";
  return "";
}

void FileRoles::addInput(StringRef role, StringRef path) {
  if (!path.empty() && !isStandardOutput(path))
    inputs.push_back({role.str(), path.str()});
}

void FileRoles::addOutput(StringRef role, StringRef path) {
  if (!path.empty() && !isStandardOutput(path))
    outputs.push_back({role.str(), path.str()});
}

/// The same name, or the same file by whatever links.
static bool same(StringRef a, StringRef b) {
  if (a == b || fs::equivalent(a, b))
    return true;
  // Files that do not exist yet: the same name in the same folder.
  StringRef folderA = sys::path::parent_path(a),
            folderB = sys::path::parent_path(b);
  return sys::path::filename(a) == sys::path::filename(b) &&
         fs::equivalent(folderA.empty() ? "." : folderA,
                        folderB.empty() ? "." : folderB);
}

Error FileRoles::check() const { return check(/*all=*/true); }
Error FileRoles::checkInputs() const { return check(/*all=*/false); }

Error FileRoles::check(bool all) const {
  std::string problems;
  auto fail = [&](const File &file, const Twine &why) {
    problems += (problems.empty() ? "" : "\nerror: ") + file.role + " '" +
                file.path + "' cannot be written: " + why.str();
  };
  for (size_t i = 0; i < outputs.size(); ++i) {
    const File &output = outputs[i];
    bool clash = false;
    for (const File &input : inputs)
      if (!clash && same(input.path, output.path)) {
        fail(output, "it is " + input.role + ", which would be lost");
        clash = true;
      }
    for (size_t j = 0; all && j < i && !clash; ++j)
      if (same(outputs[j].path, output.path)) {
        fail(output, "it is also the file of " + outputs[j].role);
        clash = true;
      }
    if (!all || clash)
      continue;
    if (std::string why = whyNot(output.path); !why.empty())
      fail(output, why);
  }
  return problems.empty() ? Error::success() : createStringError(problems);
}

std::vector<std::string> FileRoles::removeOutputs() const {
  std::vector<std::string> removed;
  for (const File &output : outputs)
    if (fs::exists(output.path) && !fs::remove(output.path))
      removed.push_back(output.path);
  return removed;
}

Error lpu::writeOutputFile(StringRef path,
                           function_ref<Error(raw_ostream &)> body) {
  if (isStandardOutput(path))
    return body(outs());
  auto cannot = [&](const Twine &why) {
    return createStringError("cannot write '" + path + "': " + why);
  };
  Expected<std::string> real = target(path);
  if (!real)
    return cannot("it " + toString(real.takeError()));
  auto file = fs::TempFile::create(*real + ".tmp-%%%%%%%%",
                                   fs::all_read | fs::owner_write);
  if (!file)
    return cannot(toString(file.takeError()));
  raw_fd_ostream os(file->FD, /*shouldClose=*/false);
  os.SetBufferSize(1 << 18);
  Error error = body(os);
  os.flush();
  if (!error && os.has_error())
    error = cannot(os.error().message());
  os.clear_error();
  if (error)
    return joinErrors(std::move(error), file->discard());
  return file->keep(*real);
}
