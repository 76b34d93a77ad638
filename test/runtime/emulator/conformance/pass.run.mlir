// pass.run, fp16: lanes 9 to 13 meet weight rows 2 to 6; infinities and NaN in other lanes are gated.
// The last pass adds its sum, rounded once, to accumulator row 2.
// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s
// CHECK: cycles: 48
// CHECK-NEXT: chip 0 words row 32: 3e1506c1 be4d23c6 bfa21c68 3f02dea9 bea788fa 3f1e706d bfeccdf4 3e34c526 3f2f021d 3f243672 bff2a438 3de124d4 3e4ea497 bf50cb83 3f8ddfd3 c01896a8
// CHECK-NEXT: chip 0 words row 33: 3f80050b be381ca0 3f8a8db8 bd0b1020 4025a8c5 4019c9b5 bf1b1e1a c032db30 3d632620 400e29de be25c6d0 bf85f20e 3f9ec306 c0638b72 40771186 c084b991
// CHECK-NEXT: chip 0 words row 34: 3f127627 c089c4fc 3fad3d4d bf8ba1e6 3f33ac80 bff061a0 40324c3c 404d16e4 400869fc 3fb8e802 3f33c91e bf8c88ef c0117c7a c064e407 40afcdc8 c1179c14
// CHECK-NOT: {{.}}
isa.program @pass_run machine "nano" cycles 48 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1019] {
      isa.mem.read at 13 repeat 3 every 2 bank = 0, offset = 0, dir = east, stream = 4, stride = 1
      isa.mem.read at 19 bank = 0, offset = 50, dir = east, stream = 4
      isa.halt at 20
    }
    isa.queue mem 1 text [7, 1, 1019] {
      isa.mem.read at 14 repeat 3 every 2 bank = 0, offset = 0, dir = east, stream = 5, stride = 1
      isa.mem.read at 20 bank = 0, offset = 50, dir = east, stream = 5
      isa.halt at 21
    }
    isa.queue mem 4 text [0, 1, 1014] {
      isa.mem.read at 13 repeat 4 every 1 bank = 0, offset = 0, dir = east, stream = 0, stride = 1
      isa.mem.write at 44 repeat 3 every 1 bank = 0, offset = 32, dir = west, stream = 0, last, stride = 1
      isa.halt at 47
    }
    isa.queue mem 5 text [7, 1, 1014] {
      isa.mem.read at 14 repeat 4 every 1 bank = 0, offset = 0, dir = east, stream = 1, stride = 1
      isa.mem.write at 43 repeat 3 every 1 bank = 0, offset = 32, dir = west, stream = 1, last, stride = 1
      isa.halt at 46
    }
    isa.queue mem 6 text [0, 1, 1009] {
      isa.mem.read at 15 repeat 4 every 1 bank = 0, offset = 0, dir = east, stream = 2, stride = 1
      isa.mem.write at 42 repeat 3 every 1 bank = 0, offset = 32, dir = west, stream = 2, last, stride = 1
      isa.halt at 45
    }
    isa.queue mem 7 text [7, 1, 1009] {
      isa.mem.read at 16 repeat 4 every 1 bank = 0, offset = 0, dir = east, stream = 3, stride = 1
      isa.mem.write at 41 repeat 3 every 1 bank = 0, offset = 32, dir = west, stream = 3, last, stride = 1
      isa.halt at 44
    }
    isa.queue weights 1 text [0, 1, 1004] {
      isa.weights.install at 20 repeat 4 every 1 fp16, stream = 0, n = 4, at = 0, step = 2, lane_base = 0, lane_count = 16, last
      isa.weights.swap at 24
      isa.halt at 25
    }
    isa.queue pass 1 text [7, 1, 1004] {
      isa.pass.run at 25 repeat 3 every 2 fp16, stream = 4, last, lane_base = 9, lane_count = 5, weight_row = 2, acc = 1, acc_stride = 1
      isa.pass.run at 31 fp16, stream = 4, last, lane_base = 0, lane_count = 3, weight_row = 0, acc = 2, add
      isa.halt at 32
    }
    isa.queue drain 1 text [0, 1, 1000] {
      isa.drain.row at 38 repeat 3 every 1 acc = 1, acc_stride = 1, stream = 0
      isa.halt at 41
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["c19d72b3ede072af5733ceb3526b7000"]
    isa.image slice 0 bank 0 row 1 rows 1 hex ["0022449f8e56d381ed8228c82edbb700"]
    isa.image slice 0 bank 0 row 2 rows 1 hex ["b45528f7708783656952145acf215800"]
    isa.image slice 0 bank 0 row 50 rows 1 hex ["c19d72b3ede072af5733ceb3526b7000"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["37b9bb3740b3b8bcbd383a20352f307e"]
    isa.image slice 1 bank 0 row 1 rows 1 hex ["7c2fbab7bab53ab6b03a393ec03ab77e"]
    isa.image slice 1 bank 0 row 2 rows 1 hex ["3a3c3c303eb4b03ab8403c40a6b6317e"]
    isa.image slice 1 bank 0 row 50 rows 1 hex ["37b9bb3740b3b8bcbd383a20352f307e"]
    isa.image slice 4 bank 0 row 0 rows 1 hex ["3aa480583841b6a2a965362f5c0bda53"]
    isa.image slice 4 bank 0 row 1 rows 1 hex ["1e4eb0c09ffb34729468aca9e04355fd"]
    isa.image slice 4 bank 0 row 2 rows 1 hex ["ac32a08bf5dfba06078d961d67677bd7"]
    isa.image slice 4 bank 0 row 3 rows 1 hex ["1759301afffd1472de438fb34535d469"]
    isa.image slice 5 bank 0 row 0 rows 1 hex ["33b5b4b9bcb637b33bb2263e38b8b138"]
    isa.image slice 5 bank 0 row 1 rows 1 hex ["b7bc26aa3d39323cb2bb3838b2ba33c0"]
    isa.image slice 5 bank 0 row 2 rows 1 hex ["35bc3da5b5be3e3a3a3c35b9baba3dbd"]
    isa.image slice 5 bank 0 row 3 rows 1 hex ["af3833413d3dc0b5b838c03c3cbdbbba"]
    isa.image slice 6 bank 0 row 0 rows 1 hex ["be50cb0217ab0fa5db5ca816adad6c9b"]
    isa.image slice 6 bank 0 row 1 rows 1 hex ["85dd8edab60f1151ada051f840e05dc4"]
    isa.image slice 6 bank 0 row 2 rows 1 hex ["c524309affec85db0ee713b1c98a5b4c"]
    isa.image slice 6 bank 0 row 3 rows 1 hex ["8b21195124f90af0795027830543e23d"]
    isa.image slice 7 bank 0 row 0 rows 1 hex ["3fb4b33cbbb43b382d39c13cbbbe3439"]
    isa.image slice 7 bank 0 row 1 rows 1 hex ["3937be2bbb3ac0bb393cc0b735b83ebc"]
    isa.image slice 7 bank 0 row 2 rows 1 hex ["b8b53338bcbe9c3c3a32b534b33aba30"]
    isa.image slice 7 bank 0 row 3 rows 1 hex ["293940b23a303f393dbcb2ba3e39b4b7"]
  }
}
