import Testing

@testable import HTTPWire

@Suite struct WireWriterTests {
    private static func text(room: Int, _ write: (inout WireWriter) -> Void) -> String {
        var storage = [UInt8](repeating: UInt8(ascii: "~"), count: room)
        let count = storage.withUnsafeMutableBytes { bytes in
            var writer = WireWriter(bytes)
            write(&writer)
            return writer.count
        }
        return String(decoding: storage.prefix(count), as: UTF8.self)
    }

    @Test func numbersAreTheStandardLibrarys() {
        var numbers = Array(0...10_100)
        for digits in 5...18 {
            var power = 1
            for _ in 0..<digits { power *= 10 }
            numbers += [power - 1, power, power + 1]
        }
        numbers.append(.max)
        for number in numbers {
            #expect(Self.text(room: 32) { $0.write(decimal: number) } == String(number))
        }
    }

    @Test func aNumberNeedsNoMoreRoomThanItsDigits() {
        for number in [0, 7, 10, 99, 100, 999, 1_000, 9_999, 10_000] {
            let digits = String(number)
            #expect(Self.text(room: digits.utf8.count) { $0.write(decimal: number) } == digits)
            #expect(
                Self.text(room: digits.utf8.count + 2) {
                    $0.write("ab"); $0.write(decimal: number)
                } == "ab" + digits)
        }
    }

    @Test func hexadecimalIsTheStandardLibrarys() {
        var value: UInt64 = 1
        for _ in 0..<2_000 {
            value = value &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let number = value &>> UInt64(value & 63)
            let digits = String(number, radix: 16)
            let padded = String(repeating: "0", count: 16 - digits.utf8.count) + digits
            #expect(Self.text(room: digits.utf8.count) { $0.write(hexadecimal: number) } == digits)
            #expect(Self.text(room: 16) { $0.write(hexadecimal: number, minimumDigits: 16) } == padded)
        }
    }

    @Test func aSetHasABitForEachKnownField() {
        for field in KnownField.allCases {
            #expect(field.rawValue < 64)
            let others = KnownFields(allExcept: [field])
            for other in KnownField.allCases { #expect(others.contains(other) == (other != field)) }
        }
    }
}
