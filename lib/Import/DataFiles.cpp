// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "DataFiles.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lpu::importer {

DataFiles::DataFiles(llvm::StringRef modelPath, bool allowLinks)
    : allowLinks(allowLinks) {
  directory = llvm::sys::path::parent_path(modelPath).str();
  if (directory.empty())
    directory = ".";
  if (directory.back() != '/')
    directory += '/';
}

std::vector<std::string> DataFiles::paths() const {
  std::vector<std::string> result;
  for (const auto &entry : files)
    result.push_back(entry.second.path);
  return result;
}

/// Opens `location` one component at a time; through a link only if allowed.
static int openBeneath(const std::string &directory, llvm::StringRef location,
                       bool allowLinks, std::string &reason) {
  if (location.empty())
    reason = "is empty";
  else if (location.contains('\0'))
    reason = "holds a NUL character";
  else if (location.front() == '/' || location.contains('\\') ||
           location.contains(':'))
    reason = "is not a relative path";
  if (!reason.empty())
    return -1;
  llvm::SmallVector<llvm::StringRef, 4> parts;
  location.split(parts, '/');
  for (llvm::StringRef part : parts)
    if (part.empty() || part == "..") {
      reason = part.empty() ? "has an empty component"
                            : "leaves the model's directory ('..')";
      return -1;
    }
  int at = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (size_t i = 0; i < parts.size() && at >= 0; ++i) {
    bool last = i + 1 == parts.size();
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    int flags = O_RDONLY | O_CLOEXEC | (last ? O_NONBLOCK : O_DIRECTORY) |
                (allowLinks ? 0 : O_NOFOLLOW);
    int next = ::openat(at, parts[i].str().c_str(), flags);
    int error = errno;
    ::close(at);
    at = next;
    errno = error;
  }
  if (at < 0)
    reason = errno == ELOOP || errno == ENOTDIR
                 ? "goes through a symbolic link or a file that is no "
                   "directory; --allow-links follows links, for a folder that "
                   "you trust"
                 : std::string("cannot be opened: ") + std::strerror(errno);
  return at;
}

const DataFiles::File *DataFiles::open(const std::string &location,
                                       std::string &reason) {
  auto found = files.find(location);
  if (found != files.end())
    return &found->second;
  int descriptor = openBeneath(directory, location, allowLinks, reason);
  if (descriptor < 0)
    return nullptr;
  struct stat status;
  if (::fstat(descriptor, &status) != 0)
    reason = std::string("cannot be examined: ") + std::strerror(errno);
  else if (!S_ISREG(status.st_mode))
    reason = "is not a regular file";
  else if (status.st_nlink > 1 && !allowLinks)
    reason =
        "has more than one hard link; --allow-links takes it, for a folder "
        "that you trust";
  if (!reason.empty()) {
    ::close(descriptor);
    return nullptr;
  }
  auto buffer = llvm::MemoryBuffer::getOpenFile(
      llvm::sys::fs::convertFDToNativeFile(descriptor), location,
      status.st_size,
      /*RequiresNullTerminator=*/false);
  ::close(descriptor);
  if (!buffer) {
    reason = "cannot be read: " + buffer.getError().message();
    return nullptr;
  }
  File &file = files[location];
  file.path = directory + location;
  file.buffer = std::move(*buffer);
  return &file;
}

} // namespace lpu::importer
