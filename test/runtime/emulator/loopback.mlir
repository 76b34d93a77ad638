// A port wired to itself receives what it sends, as far behind the send as over any wire; not a cycle earlier.
// RUN: %python %S/Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 47
// CHECK-NEXT: chip 0 slice 7 bank 0 row 2: fee32279f2bc068266a752c0ba9551f2
// CHECK-NEXT: chip 0 slice 7 bank 0 row 3: cc18eb08f5a3e624d16fabd1adafd9f1
// CHECK-NOT: {{.}}
// RUN: sed 's/recv at 38/recv at 37/; s/write at 41/write at 40/; s/halt at 43/halt at 42/; s/halt at 46/halt at 45/; s/cycles 47/cycles 46/' %s > %t.early.mlir
// RUN: %python %S/Inputs/run_isa.py %t.early.mlir %t --fault | FileCheck %s --check-prefix=EARLY
// EARLY: fault: link-underrun at cycle 37 on chip 0
isa.program @loopback machine "nano" cycles 47 {
  isa.chip_class 0 {
    isa.queue mem 7 text [0, 1, 1020] {
      isa.mem.read at 10 repeat 2 every 4 bank = 0, offset = 0, dir = east, stream = 6, stride = 1
      isa.mem.write at 41 repeat 2 every 4 bank = 0, offset = 2, dir = west, stream = 3, last, stride = 1
      isa.halt at 46
    }
    isa.queue link_send 1 text [7, 1, 1020] {
      isa.link_send.send at 14 repeat 2 every 4 stream = 6, last
      isa.halt at 19
    }
    isa.queue link_recv 1 text [0, 1, 1016] {
      isa.link_recv.recv at 38 repeat 2 every 4 stream = 3
      isa.halt at 43
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 7 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 7 bank 0 row 1 rows 1 hex ["cc18eb08f5a3e624d16fabd1adafd9f1"]
  }
  isa.wire chip 0 link 1 to chip 0 link 1
}
