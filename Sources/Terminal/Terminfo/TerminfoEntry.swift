/// A compiled description of a terminal, as term(5) lays it out.
struct TerminfoEntry: Equatable {
    /// Name, aliases and a long name, with bars between.
    var names: [UInt8]
    /// By their index in `<term.h>`, as are numbers and strings. Lists may end before an index; what is behind is absent.
    var booleans: [UInt8]
    /// Negative is absent or cancelled.
    var numbers: [Int32]
    /// nil is absent or cancelled.
    var strings: [[UInt8]?]
    /// Capabilities that are known by their name alone.
    var extended = Extended()

    struct Extended: Equatable {
        var booleans: [Named<UInt8>] = []
        var numbers: [Named<Int32>] = []
        var strings: [Named<[UInt8]?>] = []

        var isEmpty: Bool { booleans.isEmpty && numbers.isEmpty && strings.isEmpty }
    }

    struct Named<Value: Equatable>: Equatable {
        var name: [UInt8]
        var value: Value
    }

    /// 16-bit numbers.
    static let legacyMagic = 0o432
    /// 32-bit numbers, which ncurses reads since 6.1.
    static let wideMagic = 0o1036
    /// What ncurses reads of a description.
    static let largestSize = 32_768

    func string(_ index: Int) -> [UInt8]? {
        strings.indices.contains(index) ? strings[index] : nil
    }

    /// Whether a capability goes by that name, of whatever type.
    func hasExtended(_ name: String) -> Bool {
        let name = Array(name.utf8)
        return extended.booleans.contains { $0.name == name && $0.value == 1 }
            || extended.numbers.contains { $0.name == name && $0.value >= 0 }
            || extended.strings.contains { $0.name == name && $0.value != nil }
    }

    mutating func setNumber(_ index: Int, to value: Int32) {
        while numbers.count <= index { numbers.append(-1) }
        numbers[index] = value
    }

    mutating func setString(_ index: Int, to value: [UInt8]?) {
        while strings.count <= index { strings.append(nil) }
        strings[index] = value
    }
}
