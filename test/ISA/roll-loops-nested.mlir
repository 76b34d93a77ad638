// A loop around loops steps another register than those inside.
// RUN: lpu-opt --isa-roll-loops=words=16 %s | FileCheck %s
// CHECK: isa.mem.setreg at 8 reg = 2, value = 0
// CHECK-NEXT: isa.loop at 9 iterations 4 period 300 {
// CHECK-NEXT: isa.mem.read at 0 bank = 0, reg = 2, offset = 5,
// CHECK-NEXT: isa.mem.setreg at 8 reg = 1, value = 0
// CHECK-NEXT: isa.loop at 9 iterations 20 period 10 {
// CHECK-NEXT: isa.mem.read at 0 bank = 1, reg = 1, offset = 0,
// CHECK-NEXT: isa.mem.addreg at 1 reg = 1, value = 1
// CHECK-NEXT: }
// CHECK-NEXT: isa.mem.addreg at {{[0-9]+}} reg = 2, value = 10

module {
  isa.program @rolled machine "nano" {
    isa.chip_class 0 {
      isa.queue mem 2 {
        isa.mem.read at 10 bank = 0, offset = 5, dir = west, stream = 0
        isa.mem.read at 20 bank = 1, offset = 0, dir = west, stream = 1
        isa.mem.read at 30 bank = 1, offset = 1, dir = west, stream = 1
        isa.mem.read at 40 bank = 1, offset = 2, dir = west, stream = 1
        isa.mem.read at 50 bank = 1, offset = 3, dir = west, stream = 1
        isa.mem.read at 60 bank = 1, offset = 4, dir = west, stream = 1
        isa.mem.read at 70 bank = 1, offset = 5, dir = west, stream = 1
        isa.mem.read at 80 bank = 1, offset = 6, dir = west, stream = 1
        isa.mem.read at 90 bank = 1, offset = 7, dir = west, stream = 1
        isa.mem.read at 100 bank = 1, offset = 8, dir = west, stream = 1
        isa.mem.read at 110 bank = 1, offset = 9, dir = west, stream = 1
        isa.mem.read at 120 bank = 1, offset = 10, dir = west, stream = 1
        isa.mem.read at 130 bank = 1, offset = 11, dir = west, stream = 1
        isa.mem.read at 140 bank = 1, offset = 12, dir = west, stream = 1
        isa.mem.read at 150 bank = 1, offset = 13, dir = west, stream = 1
        isa.mem.read at 160 bank = 1, offset = 14, dir = west, stream = 1
        isa.mem.read at 170 bank = 1, offset = 15, dir = west, stream = 1
        isa.mem.read at 180 bank = 1, offset = 16, dir = west, stream = 1
        isa.mem.read at 190 bank = 1, offset = 17, dir = west, stream = 1
        isa.mem.read at 200 bank = 1, offset = 18, dir = west, stream = 1
        isa.mem.read at 210 bank = 1, offset = 19, dir = west, stream = 1
        isa.mem.read at 310 bank = 0, offset = 15, dir = west, stream = 0
        isa.mem.read at 320 bank = 1, offset = 0, dir = west, stream = 1
        isa.mem.read at 330 bank = 1, offset = 1, dir = west, stream = 1
        isa.mem.read at 340 bank = 1, offset = 2, dir = west, stream = 1
        isa.mem.read at 350 bank = 1, offset = 3, dir = west, stream = 1
        isa.mem.read at 360 bank = 1, offset = 4, dir = west, stream = 1
        isa.mem.read at 370 bank = 1, offset = 5, dir = west, stream = 1
        isa.mem.read at 380 bank = 1, offset = 6, dir = west, stream = 1
        isa.mem.read at 390 bank = 1, offset = 7, dir = west, stream = 1
        isa.mem.read at 400 bank = 1, offset = 8, dir = west, stream = 1
        isa.mem.read at 410 bank = 1, offset = 9, dir = west, stream = 1
        isa.mem.read at 420 bank = 1, offset = 10, dir = west, stream = 1
        isa.mem.read at 430 bank = 1, offset = 11, dir = west, stream = 1
        isa.mem.read at 440 bank = 1, offset = 12, dir = west, stream = 1
        isa.mem.read at 450 bank = 1, offset = 13, dir = west, stream = 1
        isa.mem.read at 460 bank = 1, offset = 14, dir = west, stream = 1
        isa.mem.read at 470 bank = 1, offset = 15, dir = west, stream = 1
        isa.mem.read at 480 bank = 1, offset = 16, dir = west, stream = 1
        isa.mem.read at 490 bank = 1, offset = 17, dir = west, stream = 1
        isa.mem.read at 500 bank = 1, offset = 18, dir = west, stream = 1
        isa.mem.read at 510 bank = 1, offset = 19, dir = west, stream = 1
        isa.mem.read at 610 bank = 0, offset = 25, dir = west, stream = 0
        isa.mem.read at 620 bank = 1, offset = 0, dir = west, stream = 1
        isa.mem.read at 630 bank = 1, offset = 1, dir = west, stream = 1
        isa.mem.read at 640 bank = 1, offset = 2, dir = west, stream = 1
        isa.mem.read at 650 bank = 1, offset = 3, dir = west, stream = 1
        isa.mem.read at 660 bank = 1, offset = 4, dir = west, stream = 1
        isa.mem.read at 670 bank = 1, offset = 5, dir = west, stream = 1
        isa.mem.read at 680 bank = 1, offset = 6, dir = west, stream = 1
        isa.mem.read at 690 bank = 1, offset = 7, dir = west, stream = 1
        isa.mem.read at 700 bank = 1, offset = 8, dir = west, stream = 1
        isa.mem.read at 710 bank = 1, offset = 9, dir = west, stream = 1
        isa.mem.read at 720 bank = 1, offset = 10, dir = west, stream = 1
        isa.mem.read at 730 bank = 1, offset = 11, dir = west, stream = 1
        isa.mem.read at 740 bank = 1, offset = 12, dir = west, stream = 1
        isa.mem.read at 750 bank = 1, offset = 13, dir = west, stream = 1
        isa.mem.read at 760 bank = 1, offset = 14, dir = west, stream = 1
        isa.mem.read at 770 bank = 1, offset = 15, dir = west, stream = 1
        isa.mem.read at 780 bank = 1, offset = 16, dir = west, stream = 1
        isa.mem.read at 790 bank = 1, offset = 17, dir = west, stream = 1
        isa.mem.read at 800 bank = 1, offset = 18, dir = west, stream = 1
        isa.mem.read at 810 bank = 1, offset = 19, dir = west, stream = 1
        isa.mem.read at 910 bank = 0, offset = 35, dir = west, stream = 0
        isa.mem.read at 920 bank = 1, offset = 0, dir = west, stream = 1
        isa.mem.read at 930 bank = 1, offset = 1, dir = west, stream = 1
        isa.mem.read at 940 bank = 1, offset = 2, dir = west, stream = 1
        isa.mem.read at 950 bank = 1, offset = 3, dir = west, stream = 1
        isa.mem.read at 960 bank = 1, offset = 4, dir = west, stream = 1
        isa.mem.read at 970 bank = 1, offset = 5, dir = west, stream = 1
        isa.mem.read at 980 bank = 1, offset = 6, dir = west, stream = 1
        isa.mem.read at 990 bank = 1, offset = 7, dir = west, stream = 1
        isa.mem.read at 1000 bank = 1, offset = 8, dir = west, stream = 1
        isa.mem.read at 1010 bank = 1, offset = 9, dir = west, stream = 1
        isa.mem.read at 1020 bank = 1, offset = 10, dir = west, stream = 1
        isa.mem.read at 1030 bank = 1, offset = 11, dir = west, stream = 1
        isa.mem.read at 1040 bank = 1, offset = 12, dir = west, stream = 1
        isa.mem.read at 1050 bank = 1, offset = 13, dir = west, stream = 1
        isa.mem.read at 1060 bank = 1, offset = 14, dir = west, stream = 1
        isa.mem.read at 1070 bank = 1, offset = 15, dir = west, stream = 1
        isa.mem.read at 1080 bank = 1, offset = 16, dir = west, stream = 1
        isa.mem.read at 1090 bank = 1, offset = 17, dir = west, stream = 1
        isa.mem.read at 1100 bank = 1, offset = 18, dir = west, stream = 1
        isa.mem.read at 1110 bank = 1, offset = 19, dir = west, stream = 1
        isa.halt at 1300
      }
    }
  }
}
