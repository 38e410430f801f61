internal import Engine

/// The event log as server-sent events. Keeps nothing: a reader that is slow finds what it missed in the log, and where it
/// is too slow for that, how much it missed.
struct EventStream: Sendable {
    private static let atOnce = 100

    let engine: Engine
    let heartbeat: Duration

    /// Sends until sending fails or the task is cancelled.
    func run(after id: UInt64?, send: @escaping @Sendable (String) async throws -> Void) async {
        let signals = engine.eventSignals()
        let newest = engine.events(after: .max, limit: 0).newest
        // An id from before a restart counts other events.
        var last = id.map { $0 > newest ? 0 : $0 } ?? newest
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
                last = try await catchUp(from: last, send: send)
                for await hasNews in ticks {
                    let before = last
                    last = try await catchUp(from: last, send: send)
                    if !hasNews, last == before {
                        try await send(": still here\n\n")
                    }
                }
                tasks.cancelAll()
            }
        } catch {
            return
        }
    }

    private func catchUp(from id: UInt64, send: (String) async throws -> Void) async throws -> UInt64 {
        var last = id
        while true {
            let newest = engine.events(after: .max, limit: 0).newest
            guard newest > last else {
                return last
            }
            let kept = engine.events(after: last, limit: Int(clamping: newest - last)).events
            guard let first = kept.first else {
                return last
            }
            var text = ""
            if first.id > last + 1 {
                text += "event: missed\ndata: \(first.id - last - 1)\n\n"
            }
            for event in kept.prefix(Self.atOnce) {
                let json = String(decoding: try JSONBody.encode(ControlSnapshot.Event(event)), as: UTF8.self)
                text += "id: \(event.id)\nevent: event\ndata: \(json)\n\n"
                last = event.id
            }
            try await send(text)
        }
    }
}
