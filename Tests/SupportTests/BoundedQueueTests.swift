import Dispatch
import Synchronization
import Testing

@testable import Support

struct BoundedQueueTests {
    @Test func theWriterIsWokenOnceForAllThatComesBeforeItHasWoken() {
        var queue = BoundedQueue<String>(limit: 100)
        let wakes = [queue.offer("a", size: 1), queue.offer("b", size: 1)]
        #expect(wakes == [true, false])
        let first = queue.take()
        #expect(first?.elements == ["a", "b"])
        // What comes while a batch is written is a batch of its own.
        let wakesAgain = queue.offer("c", size: 1)
        #expect(wakesAgain)
        let (second, third) = (queue.take(), queue.take())
        #expect(second?.elements == ["c"])
        #expect(third?.elements == nil)
    }

    @Test func whatDoesNotFitIsCountedOnce() {
        var queue = BoundedQueue<String>(limit: 2)
        for element in ["a", "b", "lost", "lost"] { _ = queue.offer(element, size: 1) }
        let batch = queue.take()
        #expect(batch?.elements == ["a", "b"])
        #expect(batch?.dropped == 2)
        _ = queue.offer("c", size: 1)
        let next = queue.take()
        #expect(next?.dropped == 0)
    }

    @Test func oneElementAlwaysFits() {
        var queue = BoundedQueue<String>(limit: 2)
        _ = queue.offer("long", size: 1_000)
        _ = queue.offer("short", size: 1)
        let batch = queue.take()
        #expect(batch?.elements == ["long"])
        #expect(batch?.dropped == 1)
    }

    @Test func aCountOutlivesABatchThatIsEmpty() {
        var queue = BoundedQueue<String>(limit: 2)
        queue.drop(3)
        let empty = queue.take()
        #expect(empty?.elements == nil)
        _ = queue.offer("a", size: 1)
        let batch = queue.take()
        #expect(batch?.dropped == 3)
    }

    @Test func whatAWriteLosesIsToldWithTheNext() {
        let told = Mutex<[Int]>([])
        let writer = BoundedWriter<Int>(
            on: DispatchQueue(label: "test.writer"), limit: 10, delay: .seconds(3_600)
        ) { batch, dropped in
            told.withLock { $0.append(dropped) }
            return batch.count
        }
        for batch in 0..<3 {
            writer.offer(batch, size: 1)
            #expect(writer.flush(within: 10))
        }
        #expect(told.withLock { $0 } == [0, 1, 1])
    }
}

struct DescriptorIOTests {
    @Test func filesAreReadWholeUpToTheLimit() throws {
        let bytes = try DescriptorIO.contents(of: "/proc/self/comm", limit: 64)
        #expect(!bytes.isEmpty)
        #expect(throws: DescriptorIO.ReadFailure.tooLarge) {
            try DescriptorIO.contents(of: "/proc/self/comm", limit: bytes.count - 1)
        }
        #expect(throws: DescriptorIO.ReadFailure.system(ENOENT)) {
            try DescriptorIO.contents(of: "/nowhere/at/all", limit: 1)
        }
    }

    @Test func aFullPipeEndsTheWriteAfterItsPatience() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (reading, writing) = (OpenFile(ends[0]), OpenFile(ends[1]))
        try #require(fcntl(writing.descriptor, F_SETFL, O_NONBLOCK) == 0)
        let failure = DescriptorIO.write([UInt8](repeating: 1, count: 1 << 20), to: writing.descriptor, patience: 0)
        #expect(failure?.errno == ETIMEDOUT)
        // What was written before is in the pipe.
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        #expect(read(reading.descriptor, &buffer, buffer.count) == failure?.written)
    }

    @Test func aFileIsTheSameByEveryName() throws {
        let descriptor = OpenFile(open("/dev/null", O_RDONLY | O_CLOEXEC))
        #expect(FileIdentity(path: "/dev/null") == FileIdentity(descriptor: descriptor.descriptor))
        #expect(FileIdentity(path: "/dev/null") != FileIdentity(path: "/dev/zero"))
        #expect(FileIdentity(path: "/nowhere/at/all") == nil)
    }
}
