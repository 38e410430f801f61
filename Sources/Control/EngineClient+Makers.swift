public import Engine
public import PodiumModel
internal import Support
internal import Synchronization

// The two makers of an ``EngineClient``: the engine in this process, and a Podium in another process behind its control socket.

extension EngineClient {
    /// Of the engine in this process.
    ///
    /// - Parameters:
    ///   - operatorName: who sits at the console, for the event log.
    ///   - isReadOnly: operator actions are refused by the console.
    public static func of(
        _ engine: Engine, facts: ServerFacts, operatorName: String, isReadOnly: Bool
    ) -> EngineClient {
        let author = CommandAuthor(name: operatorName, source: .console)
        let previous = Mutex<Snapshot?>(nil)
        return EngineClient(
            isAttached: false,
            picture: {
                // What `GET /admin/api/snapshot` answers to an attached console, and the hints of secrets, which leave no process.
                var snapshot = engine.snapshot(hintsSecrets: true)
                snapshot.server.add(.now(), facts)
                let before = previous.withLock { previous in
                    defer { previous = snapshot }
                    return previous
                }
                var picture = ConsolePicture(
                    snapshot, receivedAt: .now, utcOffset: WallClock.utcOffset(at: snapshot.takenAt),
                    load: before.flatMap { snapshot.load(since: $0) })
                picture.isReadOnly = isReadOnly
                return picture
            },
            perform: { command in
                do throws(CommandRefusal) {
                    return .success(try await engine.perform(command, by: author))
                } catch {
                    return .failure(error)
                }
            })
    }

    /// Of a Podium in another process, over its control socket.
    ///
    /// - Parameter refresh: how often the console is redrawn.
    public static func attached(_ client: ControlClient, refresh: Duration) async -> EngineClient {
        let feed = AttachedFeed(client: client, refresh: refresh)
        // The first frame shows what is, not an empty picture.
        try? await feed.refresh()
        return EngineClient(
            isAttached: true, picture: { feed.picture() },
            perform: { command in
                let result: CommandResult
                do throws(ControlClientError) {
                    result = .success(try await client.perform(command))
                } catch {
                    result = .failure(error.asRefusal)
                }
                // The picture that comes with the answer shows what it says.
                try? await feed.refresh()
                return result
            },
            follow: { await feed.run(onChange: $0) })
    }
}

extension ControlClientError {
    /// What a console says of a command that came to nothing.
    fileprivate var asRefusal: CommandRefusal {
        switch self {
        case .refused(let refusal): refusal
        case .timeout, .disconnected:
            CommandRefusal(.unavailable, "not done: \(self); it may have happened all the same")
        case .unreachable, .unexpectedAnswer, .cancelled: CommandRefusal(.unavailable, "not done: \(self)")
        }
    }
}

extension Snapshot {
    /// Processor time since an earlier snapshot of the same process, as a fraction of a core.
    fileprivate func load(since before: Snapshot) -> Double? {
        guard let earlier = before.server.cpuSeconds, let later = server.cpuSeconds else { return nil }
        let elapsed = takenAt - before.takenAt
        return elapsed > 0 ? max(0, (later - earlier) / elapsed) : nil
    }
}

// MARK: - The picture of another process

/// Keeps the picture of another process up to date: its events wake it, and it asks again after a while in any case.
final class AttachedFeed: Sendable {
    private let client: ControlClient
    private let interval: Duration
    private let held = Mutex(AttachedPicture())

    /// Bursts of events cost one picture.
    private static let leastGap = Duration.milliseconds(150)
    private static let firstPause = Duration.milliseconds(200)
    private static let longestPause = Duration.seconds(2)

    init(client: ControlClient, refresh: Duration) {
        var quick = client
        // A picture that takes longer is no live picture.
        quick.timeout = .seconds(3)
        self.client = quick
        interval = min(refresh, .seconds(1))
    }

    /// What the console shows now.
    func picture() -> ConsolePicture {
        held.withLock { $0.dashboard(now: .now, patience: max(.seconds(3), interval * 3)) }
    }

    /// Asks once.
    func refresh() async throws(ControlClientError) {
        let known = held.withLock { $0.known }
        let isWhole = known.event == nil && known.flush == nil && known.endpoints == nil
        let answer = try await client.snapshot(
            eventsSince: known.event, flushesSince: known.flush, endpointsSince: known.endpoints)
        if held.withLock({ $0.take(answer, isWhole: isWhole, at: .now) }) { return }
        let whole = try await client.snapshot()
        _ = held.withLock { $0.take(whole, isWhole: true, at: .now) }
    }

    /// Until it is cancelled. `onChange` is called after each new picture, and when the connection is lost.
    func run(onChange: @escaping @Sendable () -> Void) async {
        var pause = Self.firstPause
        while !Task.isCancelled {
            do throws(ControlClientError) {
                try await refresh()
                pause = Self.firstPause
                onChange()
                try await follow(onChange)
            } catch {
                held.withLock { $0.lost("\(error)") }
                onChange()
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, Self.longestPause)
        }
    }

    /// As long as the connection holds.
    private func follow(_ onChange: @escaping @Sendable () -> Void) async throws(ControlClientError) {
        let last = held.withLock { $0.known.event }
        let (ticks, tick) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let failure: ControlClientError = await withTaskGroup { [self] tasks in
            tasks.addTask { await self.listen(after: last) { tick.yield() } }
            tasks.addTask { await self.askAgain(after: ticks, onChange) }
            tasks.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: self.interval)
                    tick.yield()
                }
                return .cancelled
            }
            let first = await tasks.next() ?? .cancelled
            tasks.cancelAll()
            return first
        }
        throw failure
    }

    private func listen(after id: UInt64?, _ onEvent: @Sendable () -> Void) async -> ControlClientError {
        do {
            for try await _ in client.events(after: id) { onEvent() }
            return .disconnected
        } catch {
            return error as? ControlClientError ?? .disconnected
        }
    }

    private func askAgain(after ticks: AsyncStream<Void>, _ onChange: @Sendable () -> Void) async -> ControlClientError
    {
        for await _ in ticks {
            do throws(ControlClientError) {
                try await refresh()
            } catch {
                return error
            }
            onChange()
            try? await Task.sleep(for: Self.leastGap)
        }
        return .cancelled
    }
}

/// The newest picture of another process, put together from whole and partial answers. Pure.
struct AttachedPicture {
    private static let mostFlushes = 512

    private var picture: Snapshot?
    private var receivedAt = ContinuousClock.now
    private var load: Double?
    /// Why there is no newer one; nil while there is.
    private(set) var loss: String?

    /// What is known; ask for what is newer. Nil: ask for everything.
    var known: (event: UInt64?, flush: UInt64?, endpoints: UInt64?) {
        (picture?.events.last?.id, picture?.flushes.last?.number, picture?.endpointsVersion)
    }

    /// Takes in an answer.
    ///
    /// - Returns: false if it is a part of something else than what is held, because Podium has started anew: then nothing
    ///   is held any more, and everything has to be asked for again.
    mutating func take(_ answer: Snapshot, isWhole: Bool, at now: ContinuousClock.Instant) -> Bool {
        let before = picture
        guard isWhole || before.map({ Self.isSame($0.server, answer.server) }) == true else {
            picture = nil
            return false
        }
        var next = answer
        if let before, Self.isSame(before.server, answer.server) {
            // Two questions can be under way at once, and their answers overtake each other.
            guard answer.takenAt >= before.takenAt else { return true }
            if !isWhole {
                let (event, flush) = (before.events.last?.id ?? 0, before.flushes.last?.number ?? 0)
                next.events = Self.merge(answer.events.filter { $0.id > event }, into: before.events)
                next.flushes = (before.flushes + answer.flushes.filter { $0.number > flush }).suffix(Self.mostFlushes)
                if answer.endpointsSince != nil {
                    next.endpoints = Self.merge(answer.endpoints, into: before.endpoints)
                }
            }
            load = answer.load(since: before)
        } else {
            load = nil
        }
        picture = next
        receivedAt = now
        loss = nil
        return true
    }

    /// The connection is gone; what is shown is the past from now on.
    mutating func lost(_ reason: String) {
        loss = reason
    }

    /// What the console shows: marked as old once nothing came for `patience`.
    func dashboard(now: ContinuousClock.Instant, patience: Duration) -> ConsolePicture {
        guard let picture else {
            var empty = ConsolePicture(receivedAt: now)
            empty.isAttached = true
            empty.staleSince = now
            return empty
        }
        var dashboard = ConsolePicture(
            picture, receivedAt: receivedAt, utcOffset: WallClock.utcOffset(at: picture.takenAt), load: load)
        dashboard.isAttached = true
        if loss != nil || now - receivedAt > patience {
            dashboard.staleSince = receivedAt
            dashboard.server.warning = "not connected: \(loss ?? "no answer"); trying again"
        }
        return dashboard
    }

    /// The changed ones take the place of what was known of them; the others have kept their ranks.
    private static func merge(
        _ changed: [Snapshot.Endpoint], into known: [Snapshot.Endpoint]
    ) -> [Snapshot.Endpoint] {
        let ids = Set(changed.map(\.id))
        return (known.filter { !ids.contains($0.id) } + changed).sorted { $0.rank < $1.rank }
    }

    /// What repeated stands at its last time only, and of each part as much is kept as Podium itself keeps.
    private static func merge(
        _ fresh: [Snapshot.Event], into known: [Snapshot.Event]
    ) -> [Snapshot.Event] {
        let repeated = Set(fresh.map(\.identity))
        var room = EventRetention.allCases.map(\.capacity)
        var kept: [Snapshot.Event] = []
        for event in (known.filter { !repeated.contains($0.identity) } + fresh).reversed() {
            let part = EventRetention(
                level: event.severity, kind: EventKind(rawValue: event.kind) ?? .change)
            guard room[part.rawValue] > 0 else { continue }
            room[part.rawValue] -= 1
            kept.append(event)
        }
        return kept.reversed()
    }

    private static func isSame(_ one: Snapshot.Server, _ other: Snapshot.Server) -> Bool {
        one.pid == other.pid && one.startedAt == other.startedAt
    }
}
