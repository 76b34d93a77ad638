// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that are a few others: normalisations, convolutions, Einsum, rarer
// activations. Nothing behind the importer knows them.

#include "Records.h"

#include <map>

namespace lpu::importer {

template <Op op> static Value *both(OpContext &c, Value *a, Value *b) {
  return c.b.binary(op, a, b);
}
constexpr auto add = both<Op::Add>, sub = both<Op::Sub>, mul = both<Op::Mul>;

static bool needsFloat(OpContext &c) {
  if (isFloat(c.in(0)->type))
    return true;
  c.fail("needs a float type, has " + typeName(c.in(0)->type));
  return false;
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

/// where(x < 0, negative, x)
static Value *leaky(OpContext &c, Value *x, Value *negative) {
  return c.b.where(c.b.binary(Op::Less, x, c.b.scalarLike(x, 0)), negative, x);
}

static void prelu(OpContext &c) {
  Value *x = c.in(0), *slope = c.in(1);
  auto joined = broadcast(x->dims, slope->dims);
  if (!joined || *joined != x->dims) {
    c.fail("the slope " + dimsName(slope->dims) + " does not broadcast to " +
           dimsName(x->dims));
    return;
  }
  c.result(leaky(c, x, mul(c, x, slope)));
}

/// a (e^(x / d) - 1) for x < 0: the min keeps the unused side finite.
static Value *expBelow(OpContext &c, Value *x, float a, float d) {
  Value *low = c.b.binary(Op::Min, x, c.b.scalarLike(x, 0));
  if (d != 1)
    low = c.b.binary(Op::Div, low, c.b.scalarLike(x, d));
  Value *power = sub(c, c.b.unary(Op::Exp, low), c.b.scalarLike(x, 1));
  return mul(c, power, c.b.scalarLike(x, a));
}

static void selu(OpContext &c) {
  float alpha = c.number("alpha", 1.67326319217681884765625f);
  float gamma = c.number("gamma", 1.05070102214813232421875f);
  Value *x = c.in(0);
  c.result(
      mul(c, leaky(c, x, expBelow(c, x, alpha, 1)), c.b.scalarLike(x, gamma)));
}

static void celu(OpContext &c) {
  float alpha = c.number("alpha", 1);
  Value *x = c.in(0);
  c.result(leaky(c, x, expBelow(c, x, alpha, alpha)));
}

static void thresholdedRelu(OpContext &c) {
  Value *x = c.in(0), *alpha = c.b.scalarLike(x, c.number("alpha", 1));
  c.result(
      c.b.where(c.b.binary(Op::Greater, x, alpha), x, c.b.scalarLike(x, 0)));
}

static void shrink(OpContext &c) {
  float bias = c.number("bias", 0), lambda = c.number("lambd", 0.5f);
  Value *x = c.in(0);
  if (!needsFloat(c))
    return;
  Value *high =
      c.b.where(c.b.binary(Op::Greater, x, c.b.scalarLike(x, lambda)),
                sub(c, x, c.b.scalarLike(x, bias)), c.b.scalarLike(x, 0));
  c.result(c.b.where(c.b.binary(Op::Less, x, c.b.scalarLike(x, -lambda)),
                     add(c, x, c.b.scalarLike(x, bias)), high));
}

/// One at the first largest element of an axis.
static Value *hardmaxOf(OpContext &c, Value *x, int64_t axis) {
  Value *best = c.b.argMax(x, axis, /*keepdims=*/true, /*selectLast=*/false);
  if (!best)
    return nullptr;
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < x->dims[axis]; ++i)
    numbers.push_back(i);
  Dims dims(x->dims.size(), 1);
  dims[axis] = x->dims[axis];
  Value *positions = c.b.reshape(c.b.ints(numbers), dims);
  return c.b.cast(c.b.binary(Op::Equal, best, positions), x->type);
}

static void hardmax(OpContext &c) {
  Value *x = c.in(0);
  int64_t rank = x->dims.size();
  auto axis = c.axis("axis", c.opset < 13 ? 1 : -1, rank);
  if (!axis)
    return;
  if (c.opset >= 13 || *axis == rank - 1) {
    c.result(hardmaxOf(c, x, *axis));
    return;
  }
  Dims matrix = {*elementCount(DimsRef(x->dims).take_front(*axis)),
                 *elementCount(DimsRef(x->dims).drop_front(*axis))};
  c.result(c.b.reshape(hardmaxOf(c, c.b.reshape(x, matrix), 1), x->dims));
}

static void argMin(OpContext &c) {
  Value *x = c.in(0);
  auto axis = c.axis("axis", 0, x->dims.size());
  bool keepdims = c.integer("keepdims", 1, 0, 1);
  bool last = c.integer("select_last_index", 0, 0, 1);
  if (!axis)
    return;
  // -1 - x turns the order of integers and cannot overflow.
  Value *turned = isFloat(x->type) ? c.b.unary(Op::Neg, x)
                                   : sub(c, c.b.scalarLike(x, -1), x);
  c.result(c.b.argMax(turned, *axis, keepdims, last));
}

//===----------------------------------------------------------------------===//
// Normalisations
//===----------------------------------------------------------------------===//

/// (x - mean) / sqrt(variance + epsilon) over some axes, in two passes.
static Value *normalised(OpContext &c, Value *x, llvm::ArrayRef<int64_t> axes,
                         float epsilon) {
  Value *mean = c.b.reduce(Op::ReduceMean, x, axes, true);
  Value *centred = sub(c, x, mean);
  Value *variance =
      c.b.reduce(Op::ReduceMean, mul(c, centred, centred), axes, true);
  Value *deviation =
      c.b.unary(Op::Sqrt, add(c, variance, c.b.scalarLike(x, epsilon)));
  return mul(c, centred, c.b.unary(Op::Reciprocal, deviation));
}

/// A vector of one element per channel (dim 1), to broadcast over `rank` dims.
static Value *perChannel(OpContext &c, size_t input, int64_t channels,
                         size_t rank) {
  Value *v = c.in(input);
  if (v->dims != Dims{channels} || v->type != c.in(0)->type)
    return c.fail("its input " + llvm::Twine(input) + " is " +
                  shapeName(v->type, v->dims) + ", needs " +
                  shapeName(c.in(0)->type, {channels}));
  Dims dims(rank, 1);
  dims[rank == 1 ? 0 : 1] = channels;
  return c.b.reshape(v, dims);
}

static bool needsChannels(OpContext &c) {
  if (!needsFloat(c))
    return false;
  if (c.in(0)->dims.size() >= 2)
    return true;
  c.fail("needs an input of rank 2 or more, has " + dimsName(c.in(0)->dims));
  return false;
}

static void batchNorm(OpContext &c) {
  float epsilon = c.number("epsilon", 1e-5f);
  c.ignore("momentum");
  c.ignore("spatial");
  if (c.integer("training_mode", 0, 0, 1)) {
    c.fail("training_mode is 1: the model was exported in training mode; call "
           "eval() on the very module that is exported, just before the "
           "export");
    return;
  }
  for (size_t i = 1; i < c.outputCount(); ++i)
    if (c.wants(i)) {
      c.fail("its output " + llvm::Twine(i) +
             " (a statistic) exists only in "
             "training mode");
      return;
    }
  if (!needsChannels(c))
    return;
  Value *x = c.in(0);
  size_t rank = x->dims.size();
  Value *v[5];
  for (size_t i = 1; i < 5; ++i)
    if (!(v[i] = perChannel(c, i, x->dims[1], rank)))
      return;
  Value *deviation =
      c.b.unary(Op::Sqrt, add(c, v[4], c.b.scalarLike(x, epsilon)));
  Value *factor = mul(c, v[1], c.b.unary(Op::Reciprocal, deviation));
  c.result(add(c, mul(c, sub(c, x, v[3]), factor), v[2]));
}

static void groupNormOf(OpContext &c, int64_t groups, bool scalePerGroup) {
  float epsilon = c.number("epsilon", 1e-5f);
  if (!needsChannels(c))
    return;
  Value *x = c.in(0);
  int64_t batch = x->dims[0], channels = x->dims[1];
  if (groups < 1 || channels % groups) {
    c.fail(llvm::Twine(channels) + " channels do not divide into " +
           llvm::Twine(groups) + " groups");
    return;
  }
  int64_t rest = *elementCount(DimsRef(x->dims).drop_front(2));
  Value *y = c.b.reshape(x, {batch, groups, channels / groups * rest});
  y = normalised(c, y, {2}, epsilon);
  if (scalePerGroup) {
    Value *scale = perChannel(c, 1, groups, 3),
          *bias = perChannel(c, 2, groups, 3);
    if (!scale || !bias)
      return;
    c.result(c.b.reshape(add(c, mul(c, y, scale), bias), x->dims));
    return;
  }
  Value *scale = perChannel(c, 1, channels, 3),
        *bias = perChannel(c, 2, channels, 3);
  if (!scale || !bias)
    return;
  y = c.b.reshape(y, {batch, channels, rest});
  c.result(c.b.reshape(add(c, mul(c, y, scale), bias), x->dims));
}

static void groupNorm(OpContext &c) {
  int64_t groups = c.integer("num_groups", 0);
  c.ignore("stash_type");
  groupNormOf(c, groups, /*scalePerGroup=*/c.opset < 21);
}

static void instanceNorm(OpContext &c) {
  if (needsChannels(c))
    groupNormOf(c, c.in(0)->dims[1], false);
}

static void lpNorm(OpContext &c) {
  Value *x = c.in(0);
  auto axis = c.axis("axis", -1, x->dims.size());
  int64_t p = c.integer("p", 2, 1, 2);
  if (!axis || c.failed())
    return;
  Value *norm =
      c.b.reduce(Op::ReduceSum, p == 1 ? c.b.unary(Op::Abs, x) : mul(c, x, x),
                 {*axis}, true);
  if (p == 2)
    norm = c.b.unary(Op::Sqrt, norm);
  Value *zero = c.b.scalarLike(x, 0);
  c.result(c.b.where(c.b.binary(Op::Equal, norm, zero), zero,
                     mul(c, x, c.b.unary(Op::Reciprocal, norm))));
}

static void meanVarianceNorm(OpContext &c) {
  auto axes = c.integers("axes");
  c.result(normalised(c, c.in(0), axes ? *axes : std::vector<int64_t>{0, 2, 3},
                      1e-9f));
}

template <Op op> static void globalPool(OpContext &c) {
  if (!needsChannels(c))
    return;
  std::vector<int64_t> axes;
  for (size_t i = 2; i < c.in(0)->dims.size(); ++i)
    axes.push_back(i);
  c.result(c.b.reduce(op, c.in(0), axes, true));
}

//===----------------------------------------------------------------------===//
// Convolution
//===----------------------------------------------------------------------===//

namespace {
/// The geometry of a convolution; dims are the spatial ones.
struct Convolution {
  Dims kernel, strides, dilations, pads, out;
};
} // namespace

static std::optional<Convolution> geometry(OpContext &c) {
  Value *x = c.in(0), *w = c.in(1);
  size_t rank = x->dims.size() - 2;
  Convolution g;
  auto list = [&](const char *name, size_t count, int64_t otherwise) {
    auto given = c.integers(name);
    Dims result(count, otherwise);
    if (given && given->size() != count)
      c.fail(llvm::Twine(name) + " has " + llvm::Twine(given->size()) +
             " elements, needs " + llvm::Twine(count));
    else if (given)
      result.assign(given->begin(), given->end());
    return result;
  };
  g.kernel.assign(w->dims.begin() + 2, w->dims.end());
  Dims stated = list("kernel_shape", rank, -1);
  g.strides = list("strides", rank, 1);
  g.dilations = list("dilations", rank, 1);
  g.pads = list("pads", 2 * rank, 0);
  std::string automatic = c.text("auto_pad", "NOTSET");
  if (c.failed())
    return std::nullopt;
  for (size_t i = 0; i < rank; ++i) {
    int64_t reach = (g.kernel[i] - 1) * g.dilations[i] + 1, in = x->dims[i + 2];
    if ((stated[i] != -1 && stated[i] != g.kernel[i]) || g.strides[i] < 1 ||
        g.dilations[i] < 1) {
      c.fail("kernel_shape, strides or dilations are out of range");
      return std::nullopt;
    }
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      int64_t outputs = (in + g.strides[i] - 1) / g.strides[i];
      int64_t more =
          std::max<int64_t>(0, (outputs - 1) * g.strides[i] + reach - in);
      bool upper = automatic == "SAME_UPPER";
      g.pads[i] = upper ? more / 2 : more - more / 2;
      g.pads[rank + i] = more - g.pads[i];
    } else if (automatic != "NOTSET" && automatic != "VALID") {
      c.fail("auto_pad = \"" + automatic + "\" is not known");
      return std::nullopt;
    }
    if (g.pads[i] < 0 || g.pads[rank + i] < 0 ||
        in + g.pads[i] + g.pads[rank + i] < reach) {
      c.fail("a kernel of " + dimsName(g.kernel) + " does not fit " +
             dimsName(x->dims));
      return std::nullopt;
    }
    g.out.push_back((in + g.pads[i] + g.pads[rank + i] - reach) / g.strides[i] +
                    1);
  }
  return g;
}

/// The positions of x that meet kernel element `at`, for every output.
static Value *window(OpContext &c, Value *x, const Convolution &g, DimsRef at) {
  Dims starts{0, 0}, sizes{x->dims[0], x->dims[1]}, steps{1, 1};
  for (size_t i = 0; i < g.out.size(); ++i) {
    starts.push_back(at[i] * g.dilations[i]);
    sizes.push_back(g.out[i]);
    steps.push_back(g.strides[i]);
  }
  return c.b.slice(x, starts, sizes, steps);
}

/// Columns [batch, kernel elements x channels, outputs]: one product does it.
static Value *columnsOf(OpContext &c, Value *x, const Convolution &g) {
  int64_t batch = x->dims[0], channels = x->dims[1];
  int64_t count = *elementCount(g.kernel), outputs = *elementCount(g.out);
  // Kernels side by side (patches) only split dims.
  bool isPatches = g.kernel == g.strides;
  for (size_t i = 0; i < g.kernel.size(); ++i)
    isPatches &=
        g.dilations[i] == 1 && x->dims[i + 2] == g.out[i] * g.kernel[i];
  if (isPatches) {
    Dims split{batch, channels}, inner, outer, perm{0};
    for (size_t i = 0; i < g.kernel.size(); ++i) {
      split.append({g.out[i], g.kernel[i]});
      outer.push_back(2 + 2 * i);
      inner.push_back(3 + 2 * i);
    }
    perm.append(inner.begin(), inner.end());
    perm.push_back(1);
    perm.append(outer.begin(), outer.end());
    return c.b.reshape(c.b.transpose(c.b.reshape(x, split), perm),
                       {batch, count * channels, outputs});
  }
  std::vector<Value *> columns;
  Dims at(g.kernel.size(), 0);
  for (int64_t n = 0; n < count; ++n) {
    int64_t rest = n;
    for (size_t i = at.size(); i-- > 0; rest /= g.kernel[i])
      at[i] = rest % g.kernel[i];
    Value *part = window(c, x, g, at);
    if (!part)
      return nullptr;
    columns.push_back(c.b.reshape(part, {batch, channels, outputs}));
  }
  return c.b.concat(columns, 1);
}

static void conv(OpContext &c) {
  constexpr int64_t mostWindows = 128;
  Value *x = c.in(0), *w = c.in(1);
  int64_t groups = c.integer("group", 1);
  if (!needsFloat(c))
    return;
  if (x->dims.size() < 3 || w->dims.size() != x->dims.size() ||
      w->type != x->type || groups < 1 || x->dims[1] != w->dims[1] * groups ||
      w->dims[0] % groups) {
    c.fail("the input " + dimsName(x->dims) + ", the weight " +
           dimsName(w->dims) + " and " + llvm::Twine(groups) +
           " groups do not fit each other");
    return;
  }
  std::optional<Convolution> g = geometry(c);
  if (!g)
    return;
  size_t rank = g->kernel.size();
  Dims pads(2 * (rank + 2), 0);
  for (size_t i = 0; i < rank; ++i) {
    pads[2 + i] = g->pads[i];
    pads[rank + 4 + i] = g->pads[rank + i];
  }
  x = c.b.pad(x, c.b.scalarLike(x, 0), pads);
  if (!x)
    return;
  int64_t batch = x->dims[0], makes = w->dims[0], each = w->dims[1];
  int64_t count = *elementCount(g->kernel);
  if (count * groups > mostWindows &&
      !(groups == 1 && g->kernel == g->strides)) {
    c.fail("a kernel of " + dimsName(g->kernel) + " in " + llvm::Twine(groups) +
           " groups takes " + llvm::Twine(count * groups) +
           " windows, at most " + llvm::Twine(mostWindows) + " are supported");
    return;
  }
  // Weights [makes, kernel elements x channels].
  Dims perm{0};
  for (size_t i = 0; i < rank; ++i)
    perm.push_back(i + 2);
  perm.push_back(1);
  Value *weights = c.b.reshape(c.b.transpose(w, perm), {makes, count * each});
  std::vector<Value *> parts;
  for (int64_t group = 0; group < groups; ++group) {
    Value *in = groups == 1 ? x : c.b.slice1(x, 1, group * each, each);
    Value *rows = groups == 1 ? weights
                              : c.b.slice1(weights, 0, group * (makes / groups),
                                           makes / groups);
    Value *columns = in ? columnsOf(c, in, *g) : nullptr;
    if (!columns || !rows)
      return;
    parts.push_back(c.b.matmul(rows, columns));
    if (!parts.back())
      return;
  }
  Value *y = groups == 1 ? parts[0] : c.b.concat(parts, 1);
  if (y && c.has(2)) {
    Value *bias = perChannel(c, 2, makes, 3);
    y = bias ? add(c, y, bias) : nullptr;
  }
  if (!y)
    return;
  Dims dims{batch, makes};
  dims.append(g->out.begin(), g->out.end());
  c.result(c.b.reshape(y, dims));
}

//===----------------------------------------------------------------------===//
// Einsum
//===----------------------------------------------------------------------===//

namespace {
/// An operand and the letter of each of its dims.
struct Lettered {
  Value *value = nullptr;
  std::string letters;
};
} // namespace

static Lettered permuted(OpContext &c, Lettered x, const std::string &order) {
  Dims perm;
  for (char letter : order)
    perm.push_back(x.letters.find(letter));
  return {c.b.transpose(x.value, perm), order};
}

/// Sums over the letters that nobody wants.
static Lettered summed(OpContext &c, Lettered x, const std::string &wanted) {
  std::vector<int64_t> axes;
  std::string left;
  for (size_t i = 0; i < x.letters.size(); ++i) {
    if (wanted.find(x.letters[i]) == std::string::npos)
      axes.push_back(i);
    else
      left += x.letters[i];
  }
  if (!axes.empty())
    x.value = c.b.reduce(Op::ReduceSum, x.value, axes, false);
  return {x.value, left};
}

/// The product of two operands, with the letters that are wanted later.
static Lettered product(OpContext &c, Lettered a, Lettered b,
                        const std::string &wanted) {
  a = summed(c, a, wanted + b.letters);
  b = summed(c, b, wanted + a.letters);
  if (!a.value || !b.value)
    return {};
  std::string batch, ownA, ownB, sum;
  for (char letter : a.letters) {
    bool inB = b.letters.find(letter) != std::string::npos;
    bool isWanted = wanted.find(letter) != std::string::npos;
    (inB ? isWanted ? batch : sum : ownA) += letter;
  }
  for (char letter : b.letters)
    if (a.letters.find(letter) == std::string::npos)
      ownB += letter;
  a = permuted(c, a, batch + ownA + sum);
  b = permuted(c, b, batch + sum + ownB);
  if (!a.value || !b.value)
    return {};
  auto part = [](const Lettered &x, size_t first, size_t count) {
    return Dims(x.value->dims.begin() + first,
                x.value->dims.begin() + first + count);
  };
  Dims batchDims = part(a, 0, batch.size()),
       aDims = part(a, batch.size(), ownA.size()),
       bDims = part(b, batch.size() + sum.size(), ownB.size()),
       sumDims = part(a, batch.size() + ownA.size(), sum.size());
  Dims left(batchDims), right(batchDims), whole(batchDims);
  left.append({*elementCount(aDims), *elementCount(sumDims)});
  right.append({*elementCount(sumDims), *elementCount(bDims)});
  whole.append(aDims.begin(), aDims.end());
  whole.append(bDims.begin(), bDims.end());
  Value *x = c.b.reshape(a.value, left), *y = c.b.reshape(b.value, right);
  Value *z = sum.empty() ? mul(c, x, y) : c.b.matmul(x, y);
  return {z ? c.b.reshape(z, whole) : nullptr, batch + ownA + ownB};
}

static void einsum(OpContext &c) {
  std::string equation;
  for (char letter : c.text("equation", ""))
    if (letter != ' ')
      equation += letter;
  auto [inputs, output] = llvm::StringRef(equation).split("->");
  bool isImplicit = equation.find("->") == std::string::npos;
  llvm::SmallVector<llvm::StringRef, 4> terms;
  inputs.split(terms, ',');
  auto wrong = [&](const llvm::Twine &why) {
    c.fail("the equation \"" + equation + "\" " + why);
  };
  if (terms.size() != c.inputCount())
    return wrong("has " + llvm::Twine(terms.size()) + " terms for " +
                 llvm::Twine(c.inputCount()) + " inputs");
  std::map<char, int64_t> size;
  std::vector<Lettered> operands;
  for (size_t i = 0; i < terms.size(); ++i) {
    Value *x = c.in(i);
    if (terms[i].contains("."))
      return wrong("has an ellipsis, which is not supported; write its dims "
                   "as letters");
    if (terms[i].size() != x->dims.size())
      return wrong("does not fit an input of shape " + dimsName(x->dims));
    for (size_t d = 0; d < terms[i].size(); ++d) {
      char letter = terms[i][d];
      if (!isalpha(letter))
        return wrong("holds something that is no letter");
      if (terms[i].count(letter) > 1)
        return wrong("takes a diagonal (a letter twice in one term), which is "
                     "not supported");
      auto [it, isNew] = size.try_emplace(letter, x->dims[d]);
      if (!isNew && it->second != x->dims[d])
        return wrong("gives '" + llvm::Twine(letter) + "' the sizes " +
                     llvm::Twine(it->second) + " and " +
                     llvm::Twine(x->dims[d]));
    }
    operands.push_back({x, terms[i].str()});
  }
  std::string wanted = output.str();
  if (isImplicit) // letters that occur once, in order
    for (auto [letter, dim] : size)
      if (inputs.count(letter) == 1)
        wanted += letter;
  for (char letter : wanted)
    if (!size.count(letter) || llvm::StringRef(wanted).count(letter) > 1)
      return wrong("has an output letter that no input has, or has it twice");
  Lettered result = operands[0];
  for (size_t i = 1; i < operands.size() && result.value; ++i) {
    std::string later = wanted;
    for (size_t j = i + 1; j < operands.size(); ++j)
      later += operands[j].letters;
    result = product(c, result, operands[i], later);
  }
  if (!result.value)
    return;
  result = summed(c, result, wanted);
  if (result.value)
    c.result(permuted(c, result, wanted).value);
}

static const OpRecord records[] = {
    {"ArgMin", "1 11 12 13", 1, 1, 1, argMin, "ArgMax"},
    {"BatchNormalization", "1 6 7 9 14 15", 5, 5, 5, batchNorm,
     "training mode is refused"},
    {"Celu", "12", 1, 1, 1, celu},
    {"Conv", "1 11 22", 2, 3, 1, conv,
     "MatMul on windows; at most 128 of them, or patches side by side"},
    {"Einsum", "12", 1, kAnyNumber, 1, einsum,
     "Transpose, ReduceSum, MatMul; no ellipsis, no diagonal"},
    {"GlobalAveragePool", "1 22", 1, 1, 1, globalPool<Op::ReduceMean>,
     "ReduceMean"},
    {"GlobalMaxPool", "1 22", 1, 1, 1, globalPool<Op::ReduceMax>, "ReduceMax"},
    {"GroupNormalization", "18 21", 3, 3, 1, groupNorm},
    {"Hardmax", "1 11 13", 1, 1, 1, hardmax, "ArgMax and Equal"},
    {"InstanceNormalization", "1 6 22", 3, 3, 1, instanceNorm},
    {"LpNormalization", "1 22", 1, 1, 1, lpNorm},
    {"MeanVarianceNormalization", "9 13", 1, 1, 1, meanVarianceNorm},
    {"PRelu", "1 6 7 9 16", 2, 2, 1, prelu, "Where"},
    {"Selu", "1 6 22", 1, 1, 1, selu},
    {"Shrink", "9", 1, 1, 1, shrink, "Where"},
    {"ThresholdedRelu", "10 22", 1, 1, 1, thresholdedRelu, "Where"},
};

llvm::ArrayRef<OpRecord> expandedOps() { return records; }

} // namespace lpu::importer
