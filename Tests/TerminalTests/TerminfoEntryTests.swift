import Console
import Testing

@testable import Terminal

@Suite("Compiled terminal descriptions")
struct TerminfoEntryTests {
    /// `mini|small one,am,it#8,colors#8,bel=^G,cr=\r,Tc,XT,U8#1,E3=\E[3J,` as tic -x wrote it.
    static let legacy: [UInt8] = [
        0x1A, 0x01, 0x0F, 0x00, 0x02, 0x00, 0x0E, 0x00, 0x03, 0x00, 0x04, 0x00, 0x6D, 0x69, 0x6E, 0x69, 0x7C, 0x73,
        0x6D, 0x61, 0x6C, 0x6C, 0x20, 0x6F, 0x6E, 0x65, 0x00, 0x00, 0x01, 0x00, 0xFF, 0xFF, 0x08, 0x00, 0xFF, 0xFF,
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xFF, 0xFF, 0x08, 0x00, 0xFF, 0xFF, 0x00, 0x00, 0x02, 0x00, 0x07, 0x00, 0x0D, 0x00, 0x02, 0x00, 0x01, 0x00,
        0x01, 0x00, 0x05, 0x00, 0x11, 0x00, 0x01, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x06, 0x00,
        0x09, 0x00, 0x1B, 0x5B, 0x33, 0x4A, 0x00, 0x54, 0x63, 0x00, 0x58, 0x54, 0x00, 0x55, 0x38, 0x00, 0x45, 0x33,
        0x00,
    ]
    /// Where its extended section begins.
    static let legacyEnd = 68
    /// The same with `colors#0x10000`, for which it takes 32-bit numbers.
    static let wide: [UInt8] = [
        0x1E, 0x02, 0x0F, 0x00, 0x02, 0x00, 0x0E, 0x00, 0x03, 0x00, 0x04, 0x00, 0x6D, 0x69, 0x6E, 0x69, 0x7C, 0x73,
        0x6D, 0x61, 0x6C, 0x6C, 0x20, 0x6F, 0x6E, 0x65, 0x00, 0x00, 0x01, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x08, 0x00,
        0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x01, 0x00, 0xFF, 0xFF, 0x00, 0x00,
        0x02, 0x00, 0x07, 0x00, 0x0D, 0x00, 0x02, 0x00, 0x01, 0x00, 0x01, 0x00, 0x05, 0x00, 0x11, 0x00, 0x01, 0x01,
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x06, 0x00, 0x09, 0x00, 0x1B, 0x5B, 0x33, 0x4A,
        0x00, 0x54, 0x63, 0x00, 0x58, 0x54, 0x00, 0x55, 0x38, 0x00, 0x45, 0x33, 0x00,
    ]

    @Test("Both formats are read, with what is known by name alone")
    func decodes() throws {
        for (bytes, colors) in [(Self.legacy, Int32(8)), (Self.wide, 0x10000)] {
            let entry = try #require(TerminfoEntry(bytes))
            #expect(entry.names == Array("mini|small one".utf8))
            #expect(entry.booleans == [0, 1])
            #expect(entry.numbers == [-1, 8] + [Int32](repeating: -1, count: 11) + [colors])
            #expect(entry.strings == [nil, [7], [13]])
            #expect(
                entry.extended.booleans.map(\.name) == [Array("Tc".utf8), Array("XT".utf8)]
                    && entry.extended.booleans.map(\.value) == [1, 1])
            #expect(entry.extended.numbers == [.init(name: Array("U8".utf8), value: 1)])
            #expect(entry.extended.strings == [.init(name: Array("E3".utf8), value: Array("\u{1B}[3J".utf8))])
            #expect(entry.hasExtended("Tc") && entry.hasExtended("U8") && entry.hasExtended("E3"))
            #expect(!entry.hasExtended("RGB"))
        }
    }

    @Test("Written again it is what tic wrote")
    func encodes() throws {
        #expect(try #require(TerminfoEntry(Self.wide)).encoded() == Self.wide)
        var entry = try #require(TerminfoEntry(Self.legacy))
        #expect(TerminfoEntry(try #require(entry.encoded())) == entry)
        entry.extended = TerminfoEntry.Extended()
        #expect(TerminfoEntry(try #require(entry.encoded())) == entry)
        entry.setString(9, to: [UInt8](repeating: 0x61, count: TerminfoEntry.largestSize))
        #expect(entry.encoded() == nil)
    }

    @Test("Cut off anywhere it is no description, but for where the extended section may be left out")
    func truncated() {
        for length in Self.legacy.indices {
            let entry = TerminfoEntry(Array(Self.legacy.prefix(length)))
            #expect((entry != nil) == (length == Self.legacyEnd), "\(length) bytes")
        }
    }

    @Test("No damaged byte traps")
    func damaged() {
        for bytes in [Self.legacy, Self.wide] {
            for index in bytes.indices {
                for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
                    var damaged = bytes
                    damaged[index] = value
                    // Whatever it is taken for can be changed and written.
                    _ = TerminfoEntry(damaged)?.withDirectColor()
                    _ = TerminfoEntry(damaged)?.encoded()
                }
            }
        }
        #expect(TerminfoEntry([UInt8](repeating: 0, count: TerminfoEntry.largestSize + 1)) == nil)
    }

    @Test("Direct colour: numbers are colours, the first eight stay, nothing changes the palette")
    func direct() throws {
        var entry = try #require(TerminfoEntry(Self.legacy))
        #expect(entry.withDirectColor() == nil, "it sets no colours")
        entry.booleans = [UInt8](repeating: 1, count: 28)
        entry.setString(359, to: Array("\u{1B}[3%p1%dm".utf8))
        for index in [298, 299, 300, 302, 303] { entry.setString(index, to: [0x78]) }
        let direct = try #require(entry.withDirectColor())
        #expect(direct.numbers[13] == 0x100_0000 && direct.numbers[14] == 0x10000)
        #expect(direct.booleans[27] == 0 && direct.booleans[26] == 1)
        #expect([298, 299, 300, 302, 303].allSatisfy { direct.string($0) == nil })
        #expect(direct.hasExtended("RGB") && direct.hasExtended("Tc"))
        let (red, green, blue) = ("%p1%{65536}%/%d", "%p1%{256}%/%{255}%&%d", "%p1%{255}%&%d")
        for (index, digit) in [(359, "3"), (360, "4")] {
            let expected = "\u{1B}[%?%p1%{8}%<%t\(digit)%p1%d%e\(digit)8;2;\(red);\(green);\(blue)%;m"
            #expect(direct.string(index) == Array(expected.utf8))
        }
        #expect(direct.names == entry.names && direct.string(1) == [7])
        #expect(direct.withDirectColor() == nil, "it has direct colours already")
        entry.setString(359, to: Array("\u{1B}c%p1%d".utf8))
        #expect(entry.withDirectColor() == nil, "its colours are not those of ECMA-48")
    }
}
