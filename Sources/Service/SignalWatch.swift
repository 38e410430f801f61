internal import CSystemShim
internal import Dispatch
internal import Support

/// Delivers signals as a stream. One per process, because signals are.
public final class SignalWatch: Sendable {
    /// The signals in the order they came, from the moment of `init` on; those that came before the first question as well.
    public let signals: AsyncStream<Int32>
    private let numbers: [Int32]
    // Dispatch objects are safe on every thread, which their Swift declaration does not say.
    private nonisolated(unsafe) let source: any DispatchSourceRead

    /// From the return on these signals only arrive here: none is lost, none ends the process.
    public init(_ numbers: Int32...) {
        self.numbers = numbers
        for number in numbers {
            _ = podium_signal_catch(number)
        }
        let (stream, continuation) = AsyncStream<Int32>.makeStream(bufferingPolicy: .bufferingNewest(64))
        let pipe = podium_signal_pipe()
        source = DispatchSource.makeReadSource(fileDescriptor: pipe, queue: DispatchQueue(label: "podium.signals"))
        source.setEventHandler {
            var buffer = [UInt8](repeating: 0, count: 64)
            let count = read(pipe, &buffer, buffer.count)
            for number in buffer.prefix(max(0, count)) {
                continuation.yield(Int32(number))
            }
        }
        source.resume()
        signals = stream
    }

    /// Takes a signal over again after another part, such as a console, had it.
    public func takeBack(_ number: Int32) {
        _ = podium_signal_catch(number)
    }

    /// Ends this process by the signal, as if it had never been watched.
    public static func die(of number: Int32) {
        podium_signal_die(number)
    }

    /// Gives the signals back: from now on they do what they do to every program.
    public func giveUp() {
        for number in numbers { signal(number, SIG_DFL) }
        source.cancel()
    }

    /// Ends the delivery. Until then the watch must be kept.
    public func cancel() {
        source.cancel()
    }
}

/// What a SIGHUP means: with a terminal, that it went away; without one, what it means to every service.
public struct HangUpMeaning: Sendable {
    /// What to do about one.
    public enum Action: Sendable, Equatable {
        case reload
        /// The terminal of a program without a console went away.
        case terminalGone
    }

    private var hasTerminal: Bool

    /// - Parameter hasTerminal: whether any of the standard streams was a terminal at the start.
    public init(hasTerminal: Bool) {
        self.hasTerminal = hasTerminal
    }

    /// A SIGHUP came. A terminal goes away only once.
    public mutating func received() -> Action {
        defer { hasTerminal = false }
        return hasTerminal ? .terminalGone : .reload
    }

    /// The console has seen the terminal go: later ones are for the service.
    public mutating func terminalIsGone() {
        hasTerminal = false
    }
}
