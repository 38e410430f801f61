/// The difference of two files as a person reads it.
public struct LineDifference: Sendable, Equatable, CustomStringConvertible {
    /// One line of it.
    public struct Line: Sendable, Equatable {
        /// What became of the line.
        public enum Kind: String, Sendable, Equatable {
            case kept = " "
            case removed = "-"
            case added = "+"
        }

        /// What became of the line.
        public var kind: Kind
        /// 1-based number in the old file for kept and removed lines, in the new one for added lines.
        public var number: Int
        /// Without its line end; credentials are masked.
        public var text: String
    }

    /// Changed lines with up to three unchanged ones around them; a gap in the numbers is a part left out.
    public var lines: [Line]

    private static let context = 3
    private static let secretKeys = ["auth_value", "password", "admin_token", "proxy", "client_tokens"]

    init(from old: [UInt8], to new: [UInt8]) {
        let before = Self.split(old)
        let after = Self.split(new)
        let difference = after.difference(from: before)
        var removed: Set<Int> = []
        var added: [Int: String] = [:]
        for change in difference {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, let element, _): added[offset] = element
            }
        }
        var all: [Line] = []
        var newIndex = 0
        for (index, line) in before.enumerated() {
            if removed.contains(index) {
                all.append(Line(kind: .removed, number: index + 1, text: Self.masked(line)))
                continue
            }
            while let text = added[newIndex] {
                all.append(Line(kind: .added, number: newIndex + 1, text: Self.masked(text)))
                newIndex += 1
            }
            all.append(Line(kind: .kept, number: index + 1, text: Self.masked(line)))
            newIndex += 1
        }
        while let text = added[newIndex] {
            all.append(Line(kind: .added, number: newIndex + 1, text: Self.masked(text)))
            newIndex += 1
        }
        lines = Self.withoutDistantContext(all)
    }

    /// Whether the files are equal line by line.
    public var isEmpty: Bool { lines.isEmpty }

    /// One line each, with ` `, `-` or `+` before it.
    public var description: String {
        lines.map { "\($0.kind.rawValue)\($0.text)" }.joined(separator: "\n")
    }

    private static func split(_ bytes: [UInt8]) -> [String] {
        bytes.split(separator: 10, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func withoutDistantContext(_ lines: [Line]) -> [Line] {
        var near = [Bool](repeating: false, count: lines.count)
        for index in lines.indices where lines[index].kind != .kept {
            for neighbour in max(0, index - context)...min(lines.count - 1, index + context) { near[neighbour] = true }
        }
        return lines.indices.filter { near[$0] }.map { lines[$0] }
    }

    private static func masked(_ line: String) -> String {
        for key in secretKeys {
            guard let range = line.firstRange(of: "\(key):") else { continue }
            let value = line[range.upperBound...].drop { $0 == " " }
            guard !value.isEmpty, !value.hasPrefix("${"), !value.hasPrefix("#") else { continue }
            return "\(line[..<range.upperBound]) ••••"
        }
        return line
    }
}
