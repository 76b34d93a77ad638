// A value that a later stage needs travels from stage to stage: the stages between receive
// it and send it before anything else, also where their widths differ; the program means
// the same. No stage straddles a node: two groups of three leave a chip of each node of
// four unused, and a group wider than a node has no place.
// RUN: split-file %s %t
// RUN: lpu-opt %t/residual.mlir --fabric-partition="chips=4 cuts=1,2,3 widths=1,1,1,1 relays=true" --verify-fabric -o %t/line.mlir
// RUN: FileCheck %s --check-prefix=LINE < %t/line.mlir
// RUN: lpu-opt %t/residual.mlir --fabric-partition="topology=%t/nodes.yaml cuts=1,2,3 widths=3,3,1,1 relays=true direct-groups=true report=true" --verify-fabric -o %t/packed.mlir 2>&1 | FileCheck %s --check-prefix=REPORT
// RUN: FileCheck %s --check-prefix=PACKED < %t/packed.mlir
// RUN: %python -c "import numpy; numpy.random.default_rng(1).standard_normal(1024, 'float32').tofile('%t/w.bin')"
// RUN: cd %t && lpu-fabric-test %t/residual.mlir %t/line.mlir
// RUN: cd %t && lpu-fabric-test %t/residual.mlir %t/packed.mlir --tolerance 1e-6
// RUN: not lpu-opt %t/residual.mlir --fabric-partition="topology=%t/nodes.yaml tp=6 direct-groups=true" 2>&1 | FileCheck %s --check-prefix=WIDE
// RUN: not lpu-opt %t/residual.mlir --fabric-partition="topology=%t/nodes.yaml chips=9 tp=3 pp=3 direct-groups=true" 2>&1 | FileCheck %s --check-prefix=LOST
// RUN: not lpu-opt %t/residual.mlir --fabric-partition="topology=%t/ring.yaml tp=3 direct-groups=true" 2>&1 | FileCheck %s --check-prefix=RING
// LINE-NOT: fabric.instances @chip0 on [0] peers [1, {{[^1]}}
// LINE: fabric.instances @chip0 on [0] peers [1] sources
// LINE: fabric.instances @chip1 on [1] peers [0, 2, 2]
// LINE: %[[A:.*]] = fabric.recv
// LINE: fabric.send %[[A]]
// LINE: linalg.generic
// LINE: fabric.send
// LINE: fabric.instances @chip2 on [2] peers [1, 1, 3, 3]
// REPORT: placed        on 9 chips, of which 1 stays unused: no stage straddles a node of 4
// PACKED: fabric.groups [array<i64: 0, 1, 2>, array<i64: 4, 5, 6>]
// WIDE: error: --tp 6 is larger than can be used: chips that share a stage are joined directly, each by the same port of all others, and of this system at most 4 are; use --tp 4 or less
// LOST: error: --tp 3 --pp 3 need 11 chips, of which 2 stay unused because no stage straddles a node of 4; the system has 10
// RING: error: --tp 3 is larger than can be used: {{.*}} at most 2 are; use --tp 2 or less

//--- nodes.yaml
kind: nodes
chips: 10
chips_per_node: 4
links_per_chip: 11
//--- ring.yaml
kind: ring
chips: 6
//--- residual.mlir
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#y = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
func.func @main(%x: tensor<4x16xf32> {onnx.name = "x", onnx.type = "float32"}) -> (tensor<4x16xf32> {onnx.name = "y", onnx.type = "float32"}) {
  %w0 = onnx.Initializer {file = "w.bin", length = 1024 : i64, name = "w0", offset = 0 : i64} : () -> tensor<16x16xf32>
  %w1 = onnx.Initializer {file = "w.bin", length = 1024 : i64, name = "w1", offset = 1024 : i64} : () -> tensor<16x16xf32>
  %w2 = onnx.Initializer {file = "w.bin", length = 1024 : i64, name = "w2", offset = 2048 : i64} : () -> tensor<16x16xf32>
  %w3 = onnx.Initializer {file = "w.bin", length = 1024 : i64, name = "w3", offset = 3072 : i64} : () -> tensor<16x16xf32>
  %zero = arith.constant 0.0 : f32
  %ea = tensor.empty() : tensor<4x16xf32>
  %za = linalg.fill ins(%zero : f32) outs(%ea : tensor<4x16xf32>) -> tensor<4x16xf32>
  %a = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w0 : tensor<4x16xf32>, tensor<16x16xf32>) outs(%za : tensor<4x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x16xf32>
  %eb = tensor.empty() : tensor<4x16xf32>
  %zb = linalg.fill ins(%zero : f32) outs(%eb : tensor<4x16xf32>) -> tensor<4x16xf32>
  %b = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %w1 : tensor<4x16xf32>, tensor<16x16xf32>) outs(%zb : tensor<4x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x16xf32>
  %ec = tensor.empty() : tensor<4x16xf32>
  %zc = linalg.fill ins(%zero : f32) outs(%ec : tensor<4x16xf32>) -> tensor<4x16xf32>
  %c = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%b, %w2 : tensor<4x16xf32>, tensor<16x16xf32>) outs(%zc : tensor<4x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x16xf32>
  %ed = tensor.empty() : tensor<4x16xf32>
  %zd = linalg.fill ins(%zero : f32) outs(%ed : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%c, %w3 : tensor<4x16xf32>, tensor<16x16xf32>) outs(%zd : tensor<4x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x16xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%d, %a : tensor<4x16xf32>, tensor<4x16xf32>) outs(%ed : tensor<4x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}
