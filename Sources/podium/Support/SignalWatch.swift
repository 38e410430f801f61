import Dispatch

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Delivers signals as a stream, on no thread of ours.
final class SignalWatch {
    let signals: AsyncStream<Int32>
    private let sources: [any DispatchSourceSignal]

    /// From now on these signals only arrive here.
    init(_ numbers: Int32...) {
        let (stream, continuation) = AsyncStream<Int32>.makeStream(bufferingPolicy: .bufferingNewest(16))
        let queue = DispatchQueue(label: "podium.signals")
        sources = numbers.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
        signals = stream
    }

    /// Ends the delivery. Until then the watch must be kept: its sources die with it.
    func cancel() {
        for source in sources {
            source.cancel()
        }
    }
}
