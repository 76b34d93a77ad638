//===- Instances.cpp - one program for many chips -------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Instances.h"
#include "dialects/Stream/Translate.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::pipelines;

static llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

/// Lowering looks at the range of weights that become halves.
bool Instances::mayReplace(const stream::Tile &tile,
                           const stream::ConstantSource &source,
                           const fabric::Array &array) {
  if (source.file.empty())
    return false;
  if (tile.type != isa::ElementType::f16)
    return true;
  stream::ConstantSource whole = source;
  whole.file = array.file;
  whole.fileOffset = array.offset;
  whole.fileLength = array.length;
  return scales.of(whole) == 0;
}

llvm::Expected<stream::Program>
Instances::tilesOf(const Lowered &of, const fabric::Instance &instance) {
  const fabric::ChipClass &chipClass = program.classes[of.chipClass];
  const std::vector<fabric::Source> &before = of.instance->sources,
                                    &after = instance.sources;
  stream::Program result;
  result.tiles = of.program->tiles;
  // Integers may have been computed with, and single elements be immediates.
  bool isReplaced = true;
  for (size_t q = 0; q < after.size() && isReplaced; ++q) {
    auto type = llvm::cast<mlir::ShapedType>(
        chipClass.parameters[q]->getResult(0).getType());
    isReplaced = before[q] == after[q] ||
                 (llvm::isa<mlir::FloatType>(type.getElementType()) &&
                  type.getNumElements() > 1);
  }
  for (stream::Tile &tile : result.tiles)
    for (stream::ConstantSource &source : tile.sources) {
      if (source.parameter < 0 || !isReplaced)
        continue;
      const fabric::Source &from = before[source.parameter],
                           &to = after[source.parameter];
      if (from == to)
        continue;
      const fabric::Array &array = program.arrays[to.array];
      if (array.literal ? from.array != to.array
                        : !mayReplace(tile, source, array)) {
        isReplaced = false;
        continue;
      }
      source.offset += to.element - from.element;
      if (array.literal)
        continue;
      source.file = array.file;
      source.fileOffset = array.offset;
      source.fileLength = array.length;
    }
  if (isReplaced)
    return result;

  mlir::ModuleOp lowered = of.module;
  mlir::OwningOpRef<mlir::ModuleOp> module = lowered.clone();
  fabric::setInstance(program, *module->getOps<mlir::func::FuncOp>().begin(),
                      instance);
  auto own = streamProgram(*module, machine, of.options);
  if (!own)
    return own.takeError();
  mlir::MLIRContext *context = lowered.getContext();
  if (stream::formOf(*own, context) != stream::formOf(*of.program, context))
    return failure(llvm::formatv(
        "chips {0} and {1} have the same part of the model, but their weights "
        "need different programs; choose other --tp or --pp",
        of.instance->chip, instance.chip));
  return std::move(*own);
}
