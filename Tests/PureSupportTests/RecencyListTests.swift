import PureSupport
import TestSupport
import Testing

struct RecencyListTests {
    /// Held against a plain list, newest first.
    @Test func itIsInTheOrderOfUse() {
        var random = SeededRandom(seed: 7)
        var list = RecencyList()
        var reference: [Int] = []
        for _ in 0..<10_000 {
            let place = Int.random(in: 0..<20, using: &random)
            if !reference.contains(place) {
                list.insert(place)
                reference.insert(place, at: 0)
            } else if Bool.random(using: &random) {
                list.use(place)
                reference.removeAll { $0 == place }
                reference.insert(place, at: 0)
            } else {
                list.remove(place)
                reference.removeAll { $0 == place }
            }
            var places: [Int] = []
            var next = list.newest
            while let place = next {
                places.append(place)
                next = list.older(than: place)
            }
            #expect(places == reference)
            #expect(list.oldest == reference.last)
        }
    }

    @Test func ofNothingNothingIsOldest() {
        var list = RecencyList()
        #expect(list.newest == nil && list.oldest == nil)
        list.insert(3)
        #expect(list.newest == 3 && list.oldest == 3 && list.older(than: 3) == nil)
        list.remove(3)
        #expect(list.newest == nil && list.oldest == nil)
    }
}
