internal import Engine
internal import PodiumModel

/// The event log as server-sent events. Keeps nothing: a reader that is slow finds what it missed in the log, and where it
/// is too slow for that, how much it missed.
struct EventStream: Sendable {
    private static let atOnce = 100
    /// Between two pieces: what repeats a thousand times a second is told of a few times.
    private static let gap = Duration.milliseconds(100)

    let engine: Engine
    let heartbeat: Duration

    /// Sends until sending fails or the task is cancelled.
    func run(after id: UInt64?, send: @escaping @Sendable (String) async throws -> Void) async {
        let signals = engine.eventSignals()
        let start = engine.events(after: .max, limit: 0)
        // An id from before a restart counts other events.
        var place = Place(last: id.map { $0 > start.newest ? 0 : $0 } ?? start.newest)
        if id == nil { place.dropped = start.dropped }
        do {
            try await send("retry: 2000\n: podium\n\n")
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                let beat = heartbeat
                let (ticks, tick) = AsyncStream<Bool>.makeStream(bufferingPolicy: .bufferingNewest(1))
                tasks.addTask {
                    for await _ in signals { tick.yield(true) }
                }
                tasks.addTask {
                    while !Task.isCancelled {
                        try await Task.sleep(for: beat)
                        tick.yield(false)
                    }
                }
                try await catchUp(&place, send: send)
                for await hasNews in ticks {
                    let before = place.last
                    try await catchUp(&place, send: send)
                    if !hasNews, place.last == before {
                        try await send(": still here\n\n")
                    } else if place.last != before {
                        try await Task.sleep(for: Self.gap)
                    }
                }
                tasks.cancelAll()
            }
        } catch {
            return
        }
    }

    /// How far a reader got.
    private struct Place {
        var last: UInt64
        /// How many events had been dropped by then.
        var dropped: UInt64 = 0
    }

    private func catchUp(_ place: inout Place, send: (String) async throws -> Void) async throws {
        while true {
            let kept = engine.events(after: place.last, limit: .max, dropped: place.dropped)
            place.dropped = kept.dropped
            var text = kept.missed > 0 ? "event: missed\ndata: \(kept.missed)\n\n" : ""
            for event in kept.events.prefix(Self.atOnce) {
                let json = String(decoding: try JSONBody.encode(event), as: UTF8.self)
                text += "id: \(event.id)\nevent: event\ndata: \(json)\n\n"
                place.last = event.id
            }
            guard !text.isEmpty else { return }
            try await send(text)
        }
    }
}
