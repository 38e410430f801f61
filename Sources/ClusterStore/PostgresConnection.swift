internal import CPostgres
internal import Support

/// A connection to PostgreSQL for one thread, on which every call has a time limit.
///
/// A limit of the server's alone (`statement_timeout`) does not help where the network swallows the answer, and libpq's own calls wait
/// for ever then. So a statement is sent, and this waits for the socket until the limit: after it the connection is of no more use.
public final class PostgresConnection {
    /// Why a call came to nothing.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public enum Kind: Sendable {
            /// There is no connection (any more), or no answer in time: whether the statement was carried out is not known.
            case lost
            /// The server said no, with its code of five letters and digits.
            case refused(state: String)
        }

        public var kind: Kind
        public var description: String

        /// The code of a refusal.
        public var state: String? { if case .refused(let state) = kind { state } else { nil } }
    }

    private let connection: OpaquePointer

    /// Connects.
    ///
    /// - Parameters:
    ///   - target: A connection string or a URL, as libpq takes them. What it says goes before what is added here.
    ///   - limit: For all of it but the look-up of a name, for which the system's resolver has its own limit.
    public init(_ target: String, within limit: Duration) throws(Failure) {
        if let problem = podium_pq_load() { throw Failure(kind: .lost, description: String(cString: problem)) }
        let added = [
            ("application_name", "podium"), ("keepalives_idle", "5"), ("keepalives_interval", "2"),
            ("keepalives_count", "2"), ("tcp_user_timeout", "5000"), ("client_encoding", "UTF8"),
        ]
        let words = added.flatMap { [$0.0, $0.1] } + ["dbname", target]
        guard
            let started = Self.withTexts(
                words.map { Optional($0) },
                { texts in
                    var keywords: [UnsafePointer<CChar>?] = []
                    var values: [UnsafePointer<CChar>?] = []
                    for index in stride(from: 0, to: texts.count, by: 2) {
                        keywords.append(texts[index])
                        values.append(texts[index + 1])
                    }
                    return podium_pq_connect_start(keywords + [nil], values + [nil])
                })
        else { throw Failure(kind: .lost, description: "there is no memory for a connection") }
        connection = started
        podium_pq_be_quiet(connection)
        try finishConnecting(until: .now + limit)
        try run("SET statement_timeout = 4000", within: limit)
        try run("SET lock_timeout = 3000", within: limit)
    }

    deinit { podium_pq_finish(connection) }

    /// To wait for what comes by itself.
    public var descriptor: Int32 { podium_pq_socket(connection) }

    private enum Progress: Int32 { case failed = 0, reading, writing, ready }

    private func finishConnecting(until deadline: ContinuousClock.Instant) throws(Failure) {
        var progress = Progress.writing
        while true {
            guard descriptor >= 0 else { throw failure("no connection") }
            try wait(for: progress == .writing ? POLLOUT : POLLIN, until: deadline, "no connection in time")
            progress = Progress(rawValue: podium_pq_connect_poll(connection)) ?? .writing
            switch progress {
            case .ready: return
            case .failed: throw failure("no connection")
            case .reading, .writing: break
            }
        }
    }

    /// Carries out one statement; `$1` is the first parameter.
    ///
    /// - Returns: its rows, each value as text
    @discardableResult
    public func run(
        _ statement: String, _ parameters: [String?] = [], within limit: Duration = .seconds(4)
    ) throws(Failure) -> [[String?]] {
        let isSent = Self.withTexts(parameters) { texts in
            podium_pq_send(connection, statement, Int32(texts.count), texts)
        }
        return try answers(isSent == 1, within: limit)
    }

    /// Carries out several statements without parameters.
    public func runScript(_ statements: String, within limit: Duration = .seconds(10)) throws(Failure) {
        _ = try answers(podium_pq_send_script(connection, statements) == 1, within: limit)
    }

    private func answers(_ isSent: Bool, within limit: Duration) throws(Failure) -> [[String?]] {
        guard isSent else { throw failure("the connection is lost") }
        let deadline = ContinuousClock.now + limit
        var rows: [[String?]] = []
        var refusal: Failure?
        while true {
            while podium_pq_is_busy(connection) == 1 {
                try wait(for: POLLIN, until: deadline, "no answer in time")
                guard podium_pq_consume(connection) == 1 else { throw failure("the connection is lost") }
            }
            guard let result = podium_pq_next_result(connection) else { break }
            defer { podium_pq_clear(result) }
            if podium_pq_is_good(result) == 1 {
                rows += Self.rows(of: result)
            } else if refusal == nil {
                let state = podium_pq_result_state(result).map { String(cString: $0) } ?? ""
                refusal = Failure(
                    kind: state.isEmpty ? .lost : .refused(state: state),
                    description: Self.line(podium_pq_result_error(result)))
            }
        }
        if let refusal {
            // The server ends the connection with a refusal of its own (57P01 and its like).
            guard podium_pq_is_connected(connection) == 1 else {
                throw Failure(kind: .lost, description: refusal.description)
            }
            throw refusal
        }
        return rows
    }

    /// The payloads of what came by NOTIFY since this was asked last.
    public func notifications() throws(Failure) -> [String] {
        guard podium_pq_consume(connection) == 1 else { throw failure("the connection is lost") }
        var payloads: [String] = []
        while let notification = podium_pq_next_notification(connection) {
            if let payload = notification.pointee.payload { payloads.append(String(cString: payload)) }
            podium_pq_free(notification)
        }
        return payloads
    }

    // MARK: Details

    private func wait(
        for readiness: Int32, until deadline: ContinuousClock.Instant, _ lateness: String
    ) throws(Failure) {
        while true {
            let left = max(.zero, deadline - ContinuousClock.now)
            let milliseconds = Int32(
                clamping: left.components.seconds * 1_000 + left.components.attoseconds / 1_000_000_000_000_000)
            var state = pollfd(fd: descriptor, events: Int16(readiness), revents: 0)
            let count = poll(&state, 1, milliseconds)
            if count > 0 { return }
            if count == 0 { throw Failure(kind: .lost, description: lateness) }
            guard errno == EINTR else { throw failure("the connection is lost") }
        }
    }

    private func failure(_ what: String) -> Failure {
        let text = Self.line(podium_pq_error(connection))
        // What libpq says of a string that it cannot read is part of that string, and there may be a password in it.
        if text.contains("connection info string") || text.contains("connection option") || text.contains(" URI") {
            return Failure(kind: .lost, description: "cluster.store is no connection string")
        }
        return Failure(kind: .lost, description: text.isEmpty ? what : text)
    }

    private static func rows(of result: OpaquePointer) -> [[String?]] {
        let columns = podium_pq_columns(result)
        return (0..<podium_pq_rows(result)).map { row in
            (0..<columns).map { column in podium_pq_value(result, row, column).map { String(cString: $0) } }
        }
    }

    /// The first line of a message, which says what went wrong.
    private static func line(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "" }
        let lines = String(cString: text).split(separator: "\n").map { String($0) }
        // With several addresses, the last one's.
        return (lines.first { $0.hasPrefix("ERROR") || $0.hasPrefix("FATAL") } ?? lines.last ?? "")
            .replacing("\t", with: " ")
    }

    private static func withTexts<Value>(
        _ texts: [String?], _ body: ([UnsafePointer<CChar>?]) -> Value
    ) -> Value {
        let copies = texts.map { $0.flatMap { strdup($0) } }
        defer { for copy in copies { free(copy) } }
        return body(copies.map { $0.map { UnsafePointer($0) } })
    }
}
