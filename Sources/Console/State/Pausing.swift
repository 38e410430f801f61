internal import PodiumModel

extension ConsoleState {
    /// How long after a command its effect is waited for: an attached console's picture may come later than the answer.
    static let showThrough = Duration.seconds(3)

    mutating func togglePause(now: ContinuousClock.Instant) {
        shownThroughUntil = nil
        if pausedAt == nil {
            pausedAt = now
        } else {
            pausedAt = nil
            show(latest, now: now)
        }
    }

    /// Renews a paused picture where the operator's own action has changed what it shows, and holds it again: a key that
    /// seems to do nothing is pressed twice.
    mutating func showThrough(now: ContinuousClock.Instant) {
        guard let shownThroughUntil, now < shownThroughUntil, Self.isChanged(shown, latest) else { return }
        pausedAt = now
        show(latest, now: now)
    }

    /// Whether what operators change is different; figures that only moved on are not.
    private static func isChanged(_ one: ConsolePicture, _ other: ConsolePicture) -> Bool {
        one.autoSort != other.autoSort || one.flushes.last?.number != other.flushes.last?.number
            || !one.endpoints.elementsEqual(other.endpoints) {
                ($0.id, $0.revision, $0.rank) == ($1.id, $1.revision, $1.rank)
            }
    }
}
