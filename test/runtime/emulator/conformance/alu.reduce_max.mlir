// reduce_max folds halves of the lane group onto each other and broadcasts the result.
// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s
//   a: 3fc00000 c0100000 4cbebc20 40400000 80000000 40e40000 322bcc77 ccbebc20 3dcccccd 3e4ccccd 3e99999a 40e40000 c1100000 40800000 bf000000 40000000
// CHECK: cycles: 21
// CHECK-NEXT: chip 0 words row 0: 4cbebc20 4cbebc20 4cbebc20 4cbebc20 4cbebc20 4cbebc20 4cbebc20 4cbebc20 4cbebc20 4cbebc20 4cbebc20 4cbebc20 4cbebc20 4cbebc20 4cbebc20 4cbebc20
// CHECK-NOT: {{.}}
isa.program @reduce_max machine "nano" cycles 21 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 4 bank = 0, offset = 0, dir = east, stream = 0
      isa.halt at 5
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.read at 5 bank = 0, offset = 0, dir = east, stream = 1
      isa.halt at 6
    }
    isa.queue mem 2 text [0, 1, 1016] {
      isa.mem.read at 6 bank = 0, offset = 0, dir = east, stream = 2
      isa.halt at 7
    }
    isa.queue mem 3 text [7, 1, 1016] {
      isa.mem.read at 7 bank = 0, offset = 0, dir = east, stream = 3
      isa.halt at 8
    }
    isa.queue mem 4 text [0, 1, 1012] {
      isa.mem.write at 16 bank = 0, offset = 0, dir = east, stream = 4, last
      isa.halt at 17
    }
    isa.queue mem 5 text [7, 1, 1012] {
      isa.mem.write at 17 bank = 0, offset = 0, dir = east, stream = 5, last
      isa.halt at 18
    }
    isa.queue mem 6 text [0, 1, 1008] {
      isa.mem.write at 18 bank = 0, offset = 0, dir = east, stream = 6, last
      isa.halt at 19
    }
    isa.queue mem 7 text [7, 1, 1008] {
      isa.mem.write at 19 bank = 0, offset = 0, dir = east, stream = 7, last
      isa.halt at 20
    }
    isa.queue alu 2 text [0, 1, 1004] {
      isa.alu.reduce_max at 10 a = <east 0 f32 last>, dst = <east 4 i32>, group = all
      isa.halt at 11
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["0000200000007720cdcd9a0000000000"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["0000bc000000ccbccccc990000000000"]
    isa.image slice 2 bank 0 row 0 rows 1 hex ["c010be4000e42bbecc4c99e410800000"]
    isa.image slice 3 bank 0 row 0 rows 1 hex ["3fc04c40804032cc3d3e3e40c140bf40"]
  }
}
