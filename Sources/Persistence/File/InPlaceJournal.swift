internal import Support

/// What makes overwriting a file in place survivable: before its first byte is touched, the old and the new version lie
/// synced in a file of their own.
///
/// It stands beside the file, or, where that directory cannot be written, in the user's state directory.
struct InPlaceJournal: Sendable {
    /// How the file and a journal found at the start belong together.
    enum State: Equatable {
        /// The overwriting had not begun or was finished: the file is one of both versions.
        case settled
        /// The file is a mixture: it has to be overwritten again.
        case torn
        /// The file was edited since.
        case edited
    }

    static let magic = "podium journal 1"

    let old: [UInt8]
    let new: [UInt8]

    init(old: [UInt8], new: [UInt8]) {
        self.old = old
        self.new = new
    }

    var bytes: [UInt8] {
        let header = "\(Self.magic)\n\(old.count) \(new.count) \(Self.checksum(old, new))\n"
        return Array(header.utf8) + old + new
    }

    /// Nil if it is incomplete: then it was never synced, and the file was not touched.
    init?(bytes: [UInt8]) {
        let lines = bytes.split(separator: 10, maxSplits: 2, omittingEmptySubsequences: false)
        guard lines.count == 3, String(decoding: lines[0], as: UTF8.self) == Self.magic else { return nil }
        let numbers = String(decoding: lines[1], as: UTF8.self).split(separator: " ")
        guard numbers.count == 3, let oldCount = Int(numbers[0]), let newCount = Int(numbers[1]), oldCount >= 0,
            newCount >= 0, lines[2].count - oldCount == newCount
        else { return nil }
        old = Array(lines[2].prefix(oldCount))
        new = Array(lines[2].dropFirst(oldCount))
        guard String(numbers[2]) == Self.checksum(old, new) else { return nil }
    }

    /// A write that was interrupted leaves sectors of the new version, sectors of the old one, sectors that were allocated and
    /// read as zeros, and at most one that begins as the new version and ends as the old one. A file that holds what both
    /// versions hold in any other arrangement was made by an editor.
    func state(of current: [UInt8]) -> State {
        if current == old || current == new { return .settled }
        guard current.count <= max(old.count, new.count) else { return .edited }
        var hasSplit = false
        for start in stride(from: 0, to: current.count, by: Self.sector) {
            let range = start..<min(start + Self.sector, current.count)
            let bytes = current[range]
            if Self.holds(old, bytes) || Self.holds(new, bytes) || bytes.allSatisfy({ $0 == 0 }) { continue }
            guard !hasSplit, isSplit(bytes) else { return .edited }
            hasSplit = true
        }
        return .torn
    }

    /// No disk writes less at once.
    private static let sector = 512

    private static func holds(_ version: [UInt8], _ bytes: ArraySlice<UInt8>) -> Bool {
        version.count >= bytes.endIndex && version[bytes.indices] == bytes
    }

    private func isSplit(_ bytes: ArraySlice<UInt8>) -> Bool {
        let written = bytes.indices.first { $0 >= new.count || new[$0] != bytes[$0] } ?? bytes.endIndex
        return bytes[written...].indices.allSatisfy { ($0 < old.count && old[$0] == bytes[$0]) || bytes[$0] == 0 }
    }

    /// Guards against a torn journal, not against an adversary.
    private static func checksum(_ parts: [UInt8]...) -> String {
        var hash = FNV1a()
        for part in parts { hash.add(part) }
        return String(hash.value, radix: 16)
    }
}
