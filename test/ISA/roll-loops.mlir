// What a queue does again a fixed number of cycles later becomes a loop where the
// queue has idle cycles for it; no instruction moves.
// RUN: lpu-opt --isa-roll-loops=words=16 %s | FileCheck %s

module {
  isa.program @rolled machine "nano" {
    isa.chip_class 0 {
      // Rows that go up by 3 take a register that starts at 0, rows that go down by 2 one
      // that ends there.
      // CHECK: isa.queue mem 2
      // CHECK-NEXT: isa.mem.setreg at 7 reg = 2, value = 10
      // CHECK-NEXT: isa.mem.setreg at 8 reg = 1, value = 0
      // CHECK-NEXT: isa.loop at 9 iterations 6 period 10 {
      // CHECK-NEXT: isa.mem.read at 0 bank = 0, reg = 1, offset = 5,
      // CHECK-NEXT: isa.mem.read at 1 repeat 2 every 2 bank = 1, reg = 2, offset = 90,
      // CHECK-NEXT: isa.mem.addreg at 4 reg = 2, value = -2
      // CHECK-NEXT: isa.mem.addreg at 5 reg = 1, value = 3
      // CHECK-NEXT: }
      // CHECK-NEXT: isa.mem.read at 70 bank = 0, offset = 99
      isa.queue mem 2 {
        isa.mem.read at 10 bank = 0, offset = 5, dir = west, stream = 0
        isa.mem.read at 11 repeat 2 every 2 bank = 1, offset = 100, stride = 1, dir = west, stream = 1
        isa.mem.read at 20 bank = 0, offset = 8, dir = west, stream = 0
        isa.mem.read at 21 repeat 2 every 2 bank = 1, offset = 98, stride = 1, dir = west, stream = 1
        isa.mem.read at 30 bank = 0, offset = 11, dir = west, stream = 0
        isa.mem.read at 31 repeat 2 every 2 bank = 1, offset = 96, stride = 1, dir = west, stream = 1
        isa.mem.read at 40 bank = 0, offset = 14, dir = west, stream = 0
        isa.mem.read at 41 repeat 2 every 2 bank = 1, offset = 94, stride = 1, dir = west, stream = 1
        isa.mem.read at 50 bank = 0, offset = 17, dir = west, stream = 0
        isa.mem.read at 51 repeat 2 every 2 bank = 1, offset = 92, stride = 1, dir = west, stream = 1
        isa.mem.read at 60 bank = 0, offset = 20, dir = west, stream = 0
        isa.mem.read at 61 repeat 2 every 2 bank = 1, offset = 90, stride = 1, dir = west, stream = 1
        isa.mem.read at 70 bank = 0, offset = 99, dir = west, stream = 0
        isa.halt at 71
      }
      // Another stream, another distance, or no cycle for `endloop`: left as they are.
      // CHECK: isa.queue mem 3
      // CHECK-NOT: isa.loop
      // CHECK: isa.queue weights 0
      isa.queue mem 3 {
        isa.mem.read at 10 bank = 0, offset = 5, dir = west, stream = 0
        isa.mem.read at 20 bank = 0, offset = 5, dir = west, stream = 1
        isa.mem.read at 30 bank = 0, offset = 5, dir = west, stream = 2
        isa.mem.read at 45 bank = 0, offset = 5, dir = west, stream = 2
        isa.mem.read at 50 bank = 0, offset = 5, dir = west, stream = 2
        isa.mem.read at 51 bank = 0, offset = 6, dir = west, stream = 2
        isa.mem.read at 52 bank = 0, offset = 7, dir = west, stream = 2
        isa.mem.read at 53 bank = 0, offset = 8, dir = west, stream = 2
        isa.halt at 54
      }
      // The third iteration would end behind the next instruction: it stays outside.
      // CHECK-NEXT: isa.loop at 9 iterations 2 period 40 {
      // CHECK-NEXT: isa.weights.swap at 0
      // CHECK-NEXT: isa.weights.swap at 4
      // CHECK-NEXT: isa.weights.swap at 8
      // CHECK-NEXT: isa.weights.swap at 12
      // CHECK-NEXT: }
      // CHECK-NEXT: isa.weights.swap at 90
      isa.queue weights 0 {
        isa.weights.swap at 10
        isa.weights.swap at 14
        isa.weights.swap at 18
        isa.weights.swap at 22
        isa.weights.swap at 50
        isa.weights.swap at 54
        isa.weights.swap at 58
        isa.weights.swap at 62
        isa.weights.swap at 90
        isa.weights.swap at 94
        isa.weights.swap at 98
        isa.weights.swap at 102
        isa.weights.swap at 112
        isa.halt at 113
      }
    }
  }
}
