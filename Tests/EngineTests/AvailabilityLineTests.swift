import PodiumModel
import Ranking
import Testing

@testable import Engine

@Suite("What the event log says of an endpoint that comes and goes")
struct AvailabilityLineTests {
    private let now = ContinuousClock.now

    private func line(_ from: Availability, _ to: Availability) -> String? {
        AvailabilityChange(endpoint: EndpointID(0), from: from, to: to).logLine(now: now).map {
            "\($0.level.rawValue): \($0.text)"
        }
    }

    @Test func goingDownIsAnErrorAndComingBackIsSaid() {
        let down = Availability.open(until: now + .seconds(10), cause: .failuresInARow(3, last: .connect))
        #expect(
            line(.available, down)
                == "error: down for 10 s: 3 failures in a row, last: connection refused or unreachable")
        #expect(line(.halfOpen, .available) == "info: up")
        #expect(
            line(.available, .timedOut(until: now + .seconds(30), .init(.rateLimited)))
                == "warning: rate limited for 30 s")
    }

    @Test func aDeadEndpointThatIsTriedAgainIsOneQuietLine() {
        let down = Availability.open(until: now + .seconds(10), cause: .failuresInARow(3, last: .connect))
        let again = Availability.open(until: now + .seconds(20), cause: .halfOpenFailed(.connect))
        #expect(line(down, .halfOpen) == nil)
        #expect(
            line(.halfOpen, again)
                == "info: still down, tried again in 20 s: the trial failed: connection refused or unreachable")
        let refused = Availability.misconfigured(until: now + .seconds(300), status: 401)
        #expect(line(.halfOpen, refused) == "info: still credential refused (401), tried again in 5m00s")
        #expect(line(.available, refused) == "error: credential refused (401), tried again in 5m00s")
    }
}
