// drain.row: accumulator rows 7, 6, 5, every 2 cycles; row 7 in the cycle in which its pass completes.
// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s
// CHECK: cycles: 41
// CHECK-NEXT: chip 0 words row 32: 00000168 000000c6 000000ba 000000ed 00000039 fffffece 00000147 fffffebf 0000015f 000000f9 0000014d ffffff07 fffffe8f 00000057 0000005d ffffff34
// CHECK-NEXT: chip 0 words row 33: 000000f0 00000084 0000007c 0000009e 00000026 ffffff34 000000da ffffff2a 000000ea 000000a6 000000de ffffff5a ffffff0a 0000003a 0000003e ffffff78
// CHECK-NEXT: chip 0 words row 34: 00000078 00000042 0000003e 0000004f 00000013 ffffff9a 0000006d ffffff95 00000075 00000053 0000006f ffffffad ffffff85 0000001d 0000001f ffffffbc
// CHECK-NOT: {{.}}
isa.program @drain_row machine "nano" cycles 41 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 10 repeat 3 every 1 bank = 0, offset = 0, dir = east, stream = 4, stride = 1
      isa.halt at 13
    }
    isa.queue mem 4 text [7, 1, 1019] {
      isa.mem.read at 13 bank = 0, offset = 0, dir = east, stream = 0
      isa.mem.write at 35 repeat 3 every 2 bank = 0, offset = 32, dir = west, stream = 4, last, stride = 1
      isa.halt at 40
    }
    isa.queue mem 5 text [0, 1, 1016] {
      isa.mem.write at 34 repeat 3 every 2 bank = 0, offset = 32, dir = west, stream = 5, last, stride = 1
      isa.halt at 39
    }
    isa.queue mem 6 text [7, 1, 1015] {
      isa.mem.write at 33 repeat 3 every 2 bank = 0, offset = 32, dir = west, stream = 6, last, stride = 1
      isa.halt at 38
    }
    isa.queue mem 7 text [0, 1, 1012] {
      isa.mem.write at 32 repeat 3 every 2 bank = 0, offset = 32, dir = west, stream = 7, last, stride = 1
      isa.halt at 37
    }
    isa.queue weights 1 text [7, 1, 1010] {
      isa.weights.install at 20 stream = 0, n = 1, at = 0, lane_base = 0, lane_count = 16, last
      isa.weights.swap at 21
      isa.halt at 22
    }
    isa.queue pass 1 text [0, 1, 1008] {
      isa.pass.run at 22 repeat 3 every 1 stream = 4, last, lane_base = 0, lane_count = 1, weight_row = 0, acc = 5, acc_stride = 1
      isa.halt at 25
    }
    isa.queue drain 1 text [7, 1, 1006] {
      isa.drain.row at 29 repeat 3 every 2 acc = 7, acc_stride = -1, stream = 4
      isa.halt at 34
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["01000000000000000000000000000000"]
    isa.image slice 0 bank 0 row 1 rows 1 hex ["02000000000000000000000000000000"]
    isa.image slice 0 bank 0 row 2 rows 1 hex ["03000000000000000000000000000000"]
    isa.image slice 4 bank 0 row 0 rows 1 hex ["78423e4f139a6d9575536fad851d1fbc"]
  }
}
