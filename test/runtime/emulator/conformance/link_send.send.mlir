// link_send.send: three vectors, `link_interval` apart, over a wire from an eastern to a western port.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 49
// CHECK-NEXT: chip 1 slice 0 bank 0 row 0: fee32279f2bc068266a752c0ba9551f2
// CHECK-NEXT: chip 1 slice 0 bank 0 row 1: cc18eb08f5a3e624d16fabd1adafd9f1
// CHECK-NEXT: chip 1 slice 0 bank 0 row 2: a872cc3f9f2fd34f487078dd451f5f6c
// CHECK-NOT: {{.}}
isa.program @link_send_send machine "nano" cycles 49 {
  isa.chip_class 0 {
    isa.queue mem 7 text [0, 1, 1020] {
      isa.mem.read at 6 repeat 3 every 4 bank = 0, offset = 0, dir = east, stream = 6, stride = 1
      isa.halt at 15
    }
    isa.queue link_send 1 text [7, 1, 1020] {
      isa.link_send.send at 10 repeat 3 every 4 stream = 6, last
      isa.halt at 19
    }
  }
  isa.chip_class 1 {
    isa.queue mem 0 text [0, 1, 1019] {
      isa.mem.write at 37 bank = 0, offset = 0, dir = east, stream = 3, last
      isa.mem.write at 46 repeat 2 every 1 bank = 0, offset = 1, dir = east, stream = 3, last, stride = 1
      isa.halt at 48
    }
    isa.queue link_recv 2 text [7, 1, 1019] {
      isa.link_recv.recv at 34 stream = 3
      isa.link_recv.recv at 43 repeat 2 every 1 stream = 3
      isa.halt at 45
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 7 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 7 bank 0 row 1 rows 1 hex ["cc18eb08f5a3e624d16fabd1adafd9f1"]
    isa.image slice 7 bank 0 row 2 rows 1 hex ["a872cc3f9f2fd34f487078dd451f5f6c"]
  }
  isa.chip 1 class 1 {
  }
  isa.wire chip 0 link 1 to chip 1 link 2
}
