import Console
import Control
import PodiumModel
import Synchronization

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
