import PureSupport
import Testing

struct RingBufferTests {
    @Test func keepsTheNewestInTheirOrder() {
        var ring = RingBuffer<Int>(capacity: 512)
        #expect(ring.elements.isEmpty)
        for number in 1...1_300 {
            ring.append(number)
            #expect(ring.elements == Array(max(1, number - 511)...number))
        }
    }

    @Test func onePlaceHoldsTheLast() {
        var ring = RingBuffer<String>(capacity: 1, reserving: true)
        for text in ["a", "b", "c"] { ring.append(text) }
        #expect(ring.elements == ["c"])
    }
}
