import AllocationCounter
import Ranking

// Heap allocations for each recorded outcome, with the order unchanged. Exits 1 if there are any; first it allocates on
// purpose, so that a counter that counts nothing is found out.

func allocations(_ work: () -> Void) -> UInt64 {
    let before = allocation_count()
    work()
    return allocation_count() - before
}

final class Probe {}
var kept: [Probe] = []
kept.reserveCapacity(1_000)
let control = allocations {
    for _ in 0..<1_000 { kept.append(Probe()) }
}
guard control == kept.count else { fatalError("the counter missed allocations: \(control) of \(kept.count)") }

print("| endpoints | outcomes | allocations |")
print("|---|---|---|")
var isClean = true
for size in [10, 100, 1_000, 10_000] {
    var now = ContinuousClock.now
    var ranking = EndpointRanking(
        endpoints: (0..<size).map { EndpointRanking.Endpoint(id: EndpointID(UInt32($0))) }, now: now)
    func record(_ index: Int) {
        now += .microseconds(100)
        let id = EndpointID(UInt32(index % size))
        let time = Duration.milliseconds(100 + index % size)
        _ = ranking.record(.success(timeToFirstByte: time), for: id, now: now, random: { 0 })
    }
    for index in 0..<size { record(index) }
    let outcomes = 100_000
    let count = allocations {
        for index in 0..<outcomes { record(index) }
    }
    print("| \(size) | \(outcomes) | \(count) |")
    isClean = isClean && count == 0
}
if !isClean { fatalError("recording an outcome allocates") }
