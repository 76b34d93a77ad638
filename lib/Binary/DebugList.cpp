//===- DebugList.cpp - lists in debug sections ----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Binary/DebugList.h"
#include "llvm/Support/JSON.h"

using namespace lpu;

llvm::Error lpu::readDebugList(const Package &package, llvm::StringRef section,
                               ReadDebugEntry read) {
  auto damaged = [&](const llvm::Twine &what) {
    return llvm::createStringError("debug section '" + section +
                                   "' is damaged: " + what);
  };
  for (const auto &[name, contents] : package.debug) {
    if (name != section)
      continue;
    auto json = llvm::json::parse(contents);
    if (!json)
      return damaged(toString(json.takeError()));
    const llvm::json::Array *list = json->getAsArray();
    if (!list)
      return damaged("no array");
    for (const llvm::json::Value &value : *list) {
      llvm::json::Path::Root root;
      llvm::json::ObjectMapper map(value, root);
      std::string fault;
      if (!map || !read(map, fault))
        return damaged(toString(root.getError()));
      if (!fault.empty())
        return damaged(fault);
    }
  }
  return llvm::Error::success();
}
