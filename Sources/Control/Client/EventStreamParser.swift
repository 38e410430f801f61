/// Server-sent events out of bytes that arrive in any pieces. Pure.
struct EventStreamParser {
    struct Message: Equatable {
        var event = "message"
        var data = ""
        var id: String?
    }

    private var line: [UInt8] = []
    private var message = Message()
    private var dataLines: [String] = []

    /// The messages that these bytes complete.
    mutating func parse(_ bytes: some Sequence<UInt8>) -> [Message] {
        var complete: [Message] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            if line.last == UInt8(ascii: "\r") {
                line.removeLast()
            }
            if line.isEmpty {
                if !dataLines.isEmpty {
                    message.data = dataLines.joined(separator: "\n")
                    complete.append(message)
                }
                message = Message()
                dataLines = []
            } else {
                take(String(decoding: line, as: UTF8.self))
            }
            line.removeAll(keepingCapacity: true)
        }
        return complete
    }

    private mutating func take(_ line: String) {
        // A line that begins with a colon is a comment: the heartbeat.
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let value = parts.count > 1 ? String(parts[1].hasPrefix(" ") ? parts[1].dropFirst() : parts[1]) : ""
        switch parts.first {
        case "event": message.event = value
        case "data": dataLines.append(value)
        case "id": message.id = value
        default: break
        }
    }
}
