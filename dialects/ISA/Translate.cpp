//===- Translate.cpp - isa dialect and scheduled programs -----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/ISA/Translate.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/SourceMgr.h"

using namespace lpu;
using namespace lpu::isa;

llvm::Expected<Machine> isa::programMachine(llvm::StringRef machine) {
  // A name never has a line break, a machine file always has.
  if (machine.contains('\n'))
    return parseMachine(machine, "embedded machine");
  if (llvm::is_contained(builtinMachines(), machine))
    return loadMachine(machine);
  return llvm::createStringError(
      "machine '" + machine + "' is neither built in (" +
      llvm::join(builtinMachines(), ", ") + ") nor the text of a machine file");
}

//===----------------------------------------------------------------------===//
// Queues
//===----------------------------------------------------------------------===//

static void readItems(mlir::Block &block, std::vector<QueueItem> &items) {
  for (mlir::Operation &op : block) {
    if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
      items.push_back(QueueItem::loop(loop.getAt(), loop.getIterations(),
                                      loop.getPeriod()));
      readItems(loop.getBody().front(), items.back().body);
    } else if (auto inst = llvm::dyn_cast<InstructionOpInterface>(op)) {
      items.push_back(
          QueueItem::instruction(inst.getAt(), inst.getInstruction()));
    }
  }
}

static void
mapItems(mlir::Block &block, const std::vector<QueueItem> &items,
         llvm::DenseMap<const QueueItem *, mlir::Operation *> &operations) {
  size_t next = 0;
  for (mlir::Operation &op : block) {
    if (!llvm::isa<LoopOp, InstructionOpInterface>(op))
      continue;
    const QueueItem &item = items[next++];
    operations[&item] = &op;
    if (auto loop = llvm::dyn_cast<LoopOp>(op))
      mapItems(loop.getBody().front(), item.body, operations);
  }
}

std::vector<QueueProgram> isa::readQueues(
    ChipClassOp chipClass,
    llvm::DenseMap<const QueueItem *, mlir::Operation *> *operations) {
  std::vector<QueueProgram> queues;
  for (QueueOp queue : chipClass.getOps<QueueOp>()) {
    QueueProgram program;
    program.unit = Unit(queue.getUnit());
    program.index = queue.getIndex();
    if (std::optional<llvm::ArrayRef<int64_t>> text = queue.getText())
      program.text = TextPlace{unsigned((*text)[0]), unsigned((*text)[1]),
                               unsigned((*text)[2])};
    readItems(queue.getBody().front(), program.items);
    queues.push_back(std::move(program));
  }
  // The items have their final addresses only now.
  if (operations)
    for (auto [queue, program] : llvm::zip(chipClass.getOps<QueueOp>(), queues))
      mapItems(queue.getBody().front(), program.items, *operations);
  return queues;
}

static void writeItems(mlir::OpBuilder &builder, mlir::Location location,
                       const std::vector<QueueItem> &items) {
  for (const QueueItem &item : items) {
    if (!item.isLoop()) {
      createInstruction(builder, location, item.at, item.inst);
      continue;
    }
    auto loop = LoopOp::create(builder, location, item.at, item.iterations,
                               item.period);
    mlir::OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&loop.getBody());
    writeItems(builder, location, item.body);
  }
}

static void writeQueue(mlir::OpBuilder &builder, mlir::Location location,
                       const QueueProgram &program) {
  mlir::DenseI64ArrayAttr text;
  if (program.text)
    text = builder.getDenseI64ArrayAttr(
        {program.text->slice, program.text->bank, program.text->row});
  auto queue = QueueOp::create(builder, location, unsigned(program.unit),
                               program.index, text);
  mlir::OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&queue.getBody());
  writeItems(builder, location, program.items);
  if (program.items.empty() || program.items.back().isLoop() ||
      program.items.back().inst.opcode != Opcode::halt) {
    Instruction halt;
    halt.opcode = Opcode::halt;
    createInstruction(
        builder, location,
        program.items.empty() ? 0 : program.items.back().nextFree(), halt);
  }
}

void isa::writeQueues(ChipClassOp chipClass,
                      const std::vector<QueueProgram> &queues) {
  mlir::Block &block = chipClass.getBody().front();
  block.clear();
  auto builder = mlir::OpBuilder::atBlockEnd(&block);
  for (const QueueProgram &queue : queues)
    if (!queue.items.empty())
      writeQueue(builder, chipClass.getLoc(), queue);
}

//===----------------------------------------------------------------------===//
// Images
//===----------------------------------------------------------------------===//

/// Byte `index` of the contents of `random seed`: splitmix64 of seed and the
/// number of the eight bytes around it.
static uint8_t randomByte(uint64_t seed, uint64_t index) {
  uint64_t z = seed + (index / 8 + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return uint8_t(z >> (index % 8 * 8));
}

static mlir::LogicalResult
readImage(ImageOp op, const Machine &machine, ImageSegment &segment,
          std::vector<std::shared_ptr<void>> &storage) {
  segment.slice = op.getSlice();
  segment.bank = op.getBank();
  segment.row = op.getRow();
  segment.rows = op.getRows();
  segment.share = op.getShare();
  uint64_t size = uint64_t(segment.rows) * machine.lanes;
  if (std::optional<mlir::ArrayAttr> hex = op.getHex()) {
    auto bytes = std::make_shared<std::vector<uint8_t>>(size);
    for (size_t row = 0; row < hex->size(); ++row) {
      std::string text;
      auto digits = llvm::cast<mlir::StringAttr>((*hex)[row]).getValue();
      if (!llvm::tryGetFromHex(digits, text) || digits.size() % 2 != 0)
        return op.emitOpError() << "row " << row << " is not in hex";
      if (text.size() > machine.lanes)
        return op.emitOpError()
               << "row " << row << " has " << text.size()
               << " bytes; a row has " << machine.lanes << " (lanes)";
      std::copy(text.begin(), text.end(), bytes->begin() + row * machine.lanes);
    }
    segment.bytes = *bytes;
    storage.push_back(std::move(bytes));
  } else if (std::optional<uint64_t> splat = op.getSplat()) {
    segment.source = [value = uint8_t(*splat)](
                         uint64_t, llvm::MutableArrayRef<uint8_t> into) {
      std::fill(into.begin(), into.end(), value);
      return llvm::Error::success();
    };
  } else if (std::optional<uint64_t> seed = op.getRandom()) {
    segment.source = [seed = *seed](uint64_t offset,
                                    llvm::MutableArrayRef<uint8_t> into) {
      for (size_t i = 0; i < into.size(); ++i)
        into[i] = randomByte(seed, offset + i);
      return llvm::Error::success();
    };
  } else if (std::optional<llvm::StringRef> file = op.getFile()) {
    auto buffer = llvm::MemoryBuffer::getFile(*file, /*IsText=*/false,
                                              /*RequiresNullTerminator=*/false);
    if (!buffer)
      return op.emitOpError() << "cannot read '" << *file
                              << "': " << buffer.getError().message();
    uint64_t offset = *op.getOffset(), have = (*buffer)->getBufferSize();
    if (offset > have || size > have - offset)
      return op.emitOpError()
             << size << " bytes from offset " << offset << " on are needed; '"
             << *file << "' has " << have;
    segment.bytes = llvm::ArrayRef<uint8_t>(
        reinterpret_cast<const uint8_t *>((*buffer)->getBufferStart()) + offset,
        size);
    storage.push_back(std::shared_ptr<llvm::MemoryBuffer>(std::move(*buffer)));
  }
  return mlir::success();
}

static void writeImage(mlir::OpBuilder &builder, mlir::Location location,
                       const Package &package, const ImageSegment &segment,
                       const BuildOptions &options) {
  mlir::ArrayAttr hex;
  mlir::StringAttr file;
  mlir::IntegerAttr offset;
  if (!segment.isZero() && segment.bytes.size() > options.maxInlineBytes &&
      !options.imageFile.empty()) {
    file = builder.getStringAttr(options.imageFile);
    offset =
        builder.getI64IntegerAttr(segment.bytes.data() - package.file.data());
  } else if (!segment.isZero()) {
    llvm::SmallVector<mlir::Attribute> rows;
    for (unsigned row = 0; row < segment.rows; ++row) {
      llvm::ArrayRef<uint8_t> bytes = segment.bytes.slice(
          size_t(row) * package.machine.lanes, package.machine.lanes);
      while (!bytes.empty() && bytes.back() == 0)
        bytes = bytes.drop_back();
      rows.push_back(
          builder.getStringAttr(llvm::toHex(bytes, /*LowerCase=*/true)));
    }
    hex = builder.getArrayAttr(rows);
  }
  ImageOp::create(builder, location, segment.slice, segment.bank, segment.row,
                  segment.rows, hex, /*splat=*/nullptr, /*random=*/nullptr,
                  file, offset, segment.share);
}

//===----------------------------------------------------------------------===//
// Bindings
//===----------------------------------------------------------------------===//

template <typename OpT>
static void writeTensor(mlir::OpBuilder &builder, mlir::Location location,
                        const TensorBinding &tensor) {
  auto op = OpT::create(builder, location, builder.getStringAttr(tensor.name),
                        builder.getStringAttr(tensor.hostType),
                        uint32_t(tensor.chipType),
                        builder.getDenseI64ArrayAttr(tensor.shape),
                        mlir::DenseI64ArrayAttr(), mlir::StringAttr());
  if (tensor.range) {
    op.setRange(
        llvm::ArrayRef<int64_t>{tensor.range->minimum, tensor.range->maximum});
    op.setTable(tensor.range->table);
  }
  mlir::OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&op.getBody());
  for (const Placement &p : tensor.placements) {
    llvm::SmallVector<int64_t> columns;
    for (const Column &c : p.columns)
      columns.append({c.chip, c.slice, c.bank, c.row});
    PlacementOp::create(builder, location,
                        builder.getDenseI64ArrayAttr(p.rowStride),
                        builder.getDenseI64ArrayAttr(p.featureStride),
                        p.groupSize, p.groupsPerChunk, p.chunks, p.stripes,
                        p.tensorRows, builder.getDenseI64ArrayAttr(columns));
  }
}

template <typename OpT> static TensorBinding readTensor(OpT op) {
  TensorBinding tensor;
  tensor.name = op.getTensorName().str();
  tensor.hostType = op.getHostType().str();
  tensor.chipType = ElementType(op.getChipType());
  tensor.shape.assign(op.getShape().begin(), op.getShape().end());
  if (std::optional<llvm::ArrayRef<int64_t>> range = op.getRange();
      range && range->size() == 2)
    tensor.range = ValueRange{range->front(), range->back(),
                              op.getTable().value_or("").str()};
  for (PlacementOp placement : op.getBody().template getOps<PlacementOp>()) {
    Placement p;
    p.rowStride.assign(placement.getRowStride().begin(),
                       placement.getRowStride().end());
    p.featureStride.assign(placement.getFeatureStride().begin(),
                           placement.getFeatureStride().end());
    p.groupSize = placement.getGroupSize();
    p.groupsPerChunk = placement.getGroupsPerChunk();
    p.chunks = placement.getChunks();
    p.stripes = placement.getStripes();
    p.tensorRows = placement.getTensorRows();
    llvm::ArrayRef<int64_t> columns = placement.getColumns();
    for (size_t i = 0; i + 4 <= columns.size(); i += 4)
      p.columns.push_back({unsigned(columns[i]), unsigned(columns[i + 1]),
                           unsigned(columns[i + 2]), unsigned(columns[i + 3])});
    tensor.placements.push_back(std::move(p));
  }
  return tensor;
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

ProgramOp isa::buildIsaProgram(mlir::OpBuilder &builder,
                               const ScheduledProgram &program,
                               const BuildOptions &options) {
  builder.getContext()->loadDialect<ISADialect>();
  mlir::Location location = builder.getUnknownLoc();
  const Package &package = program.package;
  // A built-in machine is named, any other embedded.
  std::string machine = package.machine.text;
  if (llvm::is_contained(builtinMachines(), package.machine.name)) {
    auto builtin = loadMachine(package.machine.name);
    if (!builtin)
      llvm::consumeError(builtin.takeError());
    else if (builtin->text == machine)
      machine = package.machine.name;
  }
  mlir::StringAttr compiler;
  if (!package.compilerVersion.empty())
    compiler = builder.getStringAttr(package.compilerVersion);
  auto op = ProgramOp::create(
      builder, location, builder.getStringAttr(package.programName),
      builder.getStringAttr(machine), package.cycles, package.interval,
      package.replicas, package.hostNodes, compiler);
  mlir::OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&op.getBody());
  for (size_t c = 0; c < program.classes.size(); ++c) {
    auto chipClass = ChipClassOp::create(builder, location, uint32_t(c));
    chipClass.getBody().emplaceBlock();
    writeQueues(chipClass, program.classes[c].queues);
  }
  for (size_t c = 0; c < package.chips.size(); ++c) {
    const Chip &chip = package.chips[c];
    mlir::DenseI64ArrayAttr links;
    if (!chip.links.empty())
      links = builder.getDenseI64ArrayAttr(
          llvm::SmallVector<int64_t>(chip.links.begin(), chip.links.end()));
    mlir::DenseI64ArrayAttr registers;
    if (!chip.registers.empty()) {
      llvm::SmallVector<int64_t> numbers;
      for (const BaseRegister &base : chip.registers)
        numbers.append({base.slice, base.reg, base.value});
      registers = builder.getDenseI64ArrayAttr(numbers);
    }
    auto chipOp = ChipOp::create(builder, location, uint32_t(c), chip.chipClass,
                                 chip.start, links, registers);
    mlir::OpBuilder::InsertionGuard chipGuard(builder);
    builder.createBlock(&chipOp.getBody());
    for (const ImageSegment &segment : chip.image)
      writeImage(builder, location, package, segment, options);
  }
  for (const LinkWire &wire : package.wires)
    WireOp::create(builder, location, wire.fromChip, wire.fromLink, wire.toChip,
                   wire.toLink);
  for (const TensorBinding &tensor : package.inputs)
    writeTensor<InputOp>(builder, location, tensor);
  for (const TensorBinding &tensor : package.outputs)
    writeTensor<OutputOp>(builder, location, tensor);
  for (const auto &[name, contents] : package.debug)
    DebugOp::create(builder, location, name, contents);
  return op;
}

mlir::FailureOr<ScheduledProgram>
isa::readIsaProgram(ProgramOp op, const Machine *replacement) {
  ScheduledProgram program;
  Package &package = program.package;
  if (replacement) {
    package.machine = *replacement;
  } else {
    llvm::Expected<Machine> machine = programMachine(op.getMachine());
    if (!machine) {
      op.emitOpError() << toString(machine.takeError());
      return mlir::failure();
    }
    package.machine = std::move(*machine);
  }
  package.programName = op.getSymName().str();
  package.cycles = op.getCycles();
  package.interval = op.getInterval();
  package.replicas = op.getReplicas();
  package.hostNodes = op.getHostNodes();
  package.compilerVersion = op.getCompiler().value_or("").str();
  for (mlir::Operation &child : op.getBody().front()) {
    if (auto chipClass = llvm::dyn_cast<ChipClassOp>(child)) {
      program.classes.push_back({readQueues(chipClass)});
    } else if (auto chipOp = llvm::dyn_cast<ChipOp>(child)) {
      Chip chip;
      chip.chipClass = chipOp.getChipClass();
      chip.start = chipOp.getStart();
      if (std::optional<llvm::ArrayRef<int64_t>> links = chipOp.getLinks())
        for (int64_t port : *links)
          chip.links.push_back(port < 0 || port > UINT32_MAX ? UINT32_MAX
                                                             : unsigned(port));
      if (std::optional<llvm::ArrayRef<int64_t>> r = chipOp.getRegisters()) {
        if (r->size() % 3 != 0 || llvm::any_of(*r, [](int64_t v) {
              return v < 0 || v > UINT32_MAX;
            })) {
          chipOp.emitOpError() << "registers are slice, register, value, ..";
          return mlir::failure();
        }
        for (size_t i = 0; i < r->size(); i += 3)
          chip.registers.push_back({unsigned((*r)[i]), unsigned((*r)[i + 1]),
                                    unsigned((*r)[i + 2])});
      }
      for (ImageOp image : chipOp.getBody().getOps<ImageOp>()) {
        ImageSegment segment;
        if (failed(readImage(image, package.machine, segment, package.storage)))
          return mlir::failure();
        chip.image.push_back(std::move(segment));
      }
      package.chips.push_back(std::move(chip));
    } else if (auto wire = llvm::dyn_cast<WireOp>(child)) {
      package.wires.push_back({wire.getFromChip(), wire.getFromLink(),
                               wire.getToChip(), wire.getToLink()});
    } else if (auto input = llvm::dyn_cast<InputOp>(child)) {
      package.inputs.push_back(readTensor(input));
    } else if (auto output = llvm::dyn_cast<OutputOp>(child)) {
      package.outputs.push_back(readTensor(output));
    } else if (auto debug = llvm::dyn_cast<DebugOp>(child)) {
      package.debug.emplace_back(debug.getSection().str(),
                                 debug.getContents().str());
    }
  }
  return program;
}

//===----------------------------------------------------------------------===//
// Translations
//===----------------------------------------------------------------------===//

static mlir::LogicalResult toBinary(mlir::ModuleOp module,
                                    const std::string &machineName,
                                    llvm::raw_ostream &os) {
  auto programs = llvm::to_vector(module.getOps<ProgramOp>());
  if (programs.size() != 1)
    return module.emitError()
           << "one isa.program is needed; there are " << programs.size();
  std::optional<Machine> machine;
  if (!machineName.empty()) {
    auto loaded = loadMachine(machineName);
    if (!loaded)
      return module.emitError() << toString(loaded.takeError());
    machine = std::move(*loaded);
  }
  auto program =
      readIsaProgram(programs.front(), machine ? &*machine : nullptr);
  if (failed(program))
    return mlir::failure();
  auto package = assemble(std::move(*program));
  if (!package)
    return programs.front().emitOpError() << toString(package.takeError());
  if (llvm::Error error = writePackage(*package, os))
    return programs.front().emitOpError() << toString(std::move(error));
  return mlir::success();
}

static mlir::OwningOpRef<mlir::Operation *>
fromBinary(llvm::SourceMgr &sources, mlir::MLIRContext *context) {
  const llvm::MemoryBuffer *buffer =
      sources.getMemoryBuffer(sources.getMainFileID());
  mlir::Location location = mlir::UnknownLoc::get(context);
  auto fail = [&](llvm::Error error) {
    mlir::emitError(location) << toString(std::move(error));
    return nullptr;
  };
  auto package = readPackage(llvm::MemoryBuffer::getMemBuffer(
      buffer->getMemBufferRef(), /*RequiresNullTerminator=*/false));
  if (!package)
    return fail(package.takeError());
  auto program = disassemble(std::move(*package));
  if (!program)
    return fail(program.takeError());
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(location);
  auto builder = mlir::OpBuilder::atBlockEnd(module->getBody());
  BuildOptions options;
  if (buffer->getBufferIdentifier() != "<stdin>")
    options.imageFile = buffer->getBufferIdentifier().str();
  buildIsaProgram(builder, *program, options);
  return module.release().getOperation();
}

void isa::registerIsaTranslations() {
  static llvm::cl::opt<std::string> machine(
      "isa-machine",
      llvm::cl::desc("Encode for this machine (name or file) instead of the "
                     "one that the program names"),
      llvm::cl::value_desc("name|file"));
  static mlir::TranslateFromMLIRRegistration toBinaryRegistration(
      "isa-to-binary", "encode an isa.program as a package",
      [](mlir::ModuleOp module, llvm::raw_ostream &os) {
        return toBinary(module, machine, os);
      },
      [](mlir::DialectRegistry &registry) { registry.insert<ISADialect>(); });
  static mlir::TranslateToMLIRRegistration fromBinaryRegistration(
      "binary-to-isa", "decode a package into an isa.program",
      [](llvm::SourceMgr &sources,
         mlir::MLIRContext *context) -> mlir::OwningOpRef<mlir::Operation *> {
        return fromBinary(sources, context);
      },
      [](mlir::DialectRegistry &registry) { registry.insert<ISADialect>(); });
}
