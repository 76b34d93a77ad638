//===- Trace.cpp - a schedule as a Chrome trace ---------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Report/Report.h"
#include "llvm/Support/JSON.h"

using namespace lpu;

static void printItems(llvm::json::OStream &json, unsigned track,
                       const std::vector<QueueItem> &items, int64_t base) {
  for (const QueueItem &item : items) {
    if (item.isLoop()) {
      for (uint32_t k = 0; k < item.iterations; ++k)
        printItems(json, track, item.body,
                   base + int64_t(item.at) + 1 +
                       int64_t(k) * int64_t(item.period));
      continue;
    }
    json.object([&] {
      json.attribute("ph", "X");
      json.attribute("pid", 0);
      json.attribute("tid", track);
      json.attribute("ts", base + int64_t(item.at));
      json.attribute("dur",
                     int64_t(item.inst.count - 1) * item.inst.interval + 1);
      json.attribute("name", item.inst.info().name);
      json.attributeObject("args", [&] {
        json.attribute("instruction", isa::toString(item.inst));
      });
    });
  }
}

void lpu::printTrace(const CompileResult &result, const Machine &machine,
                     llvm::raw_ostream &os) {
  llvm::json::OStream json(os);
  json.object([&] {
    json.attribute("displayTimeUnit", "ns");
    json.attributeArray("traceEvents", [&] {
      for (const ClassProgram &program : result.classes)
        for (const QueueProgram &queue : program.queues) {
          unsigned track = machine.queueNumber(queue.unit, queue.index);
          json.object([&] {
            json.attribute("ph", "M");
            json.attribute("pid", 0);
            json.attribute("tid", track);
            json.attribute("name", "thread_name");
            json.attributeObject("args", [&] {
              json.attribute("name", std::string(unitName(queue.unit)) + " " +
                                         std::to_string(queue.index));
            });
          });
          printItems(json, track, queue.items, 0);
        }
    });
  });
  os << "\n";
}
