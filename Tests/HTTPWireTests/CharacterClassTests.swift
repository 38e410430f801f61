import Testing

@testable import HTTPWire

/// The fast scans against the definitions of RFC 9110, byte by byte.
struct CharacterClassTests {
    private static let token = Set("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    @Test func tokensAreMadeOfTokenCharacters() {
        for byte in UInt8.min...UInt8.max {
            let end = withUnsafeBytes(of: byte) { CharacterClass.endOfToken($0, from: 0) }
            #expect(end == (Self.token.contains(byte) ? 1 : 0), "byte \(byte)")
        }
    }

    /// Every byte at every place of a name longer than two registers, between neighbours that could carry.
    @Test(arguments: Array("azAZ-_0~".utf8))
    func tokensEndAtTheFirstOtherCharacter(filler: UInt8) {
        let length = 21
        var wrong: [String] = []
        for byte in UInt8.min...UInt8.max {
            for place in 0..<length {
                for start in [0, 1, 5] where start <= place {
                    var text = [UInt8](repeating: filler, count: length)
                    text[place] = byte
                    let end = text.withUnsafeBytes { CharacterClass.endOfToken($0, from: start) }
                    if end != (Self.token.contains(byte) ? length : place) {
                        wrong.append("byte \(byte) at \(place) from \(start)")
                    }
                }
            }
        }
        #expect(wrong.isEmpty)
    }

    @Test func namesAreComparedWhateverTheirCaseAndLength() {
        let literals: [(StaticString, String)] = [
            ("te", "te"), ("via", "via"), ("host", "host"), ("expect", "expect"), ("trailer", "trailer"),
            ("x-api-ke", "x-api-ke"), ("connection", "connection"), ("transfer-encoding", "transfer-encoding"),
        ]
        for (literal, text) in literals {
            for place in 0..<text.utf8.count {
                var bytes = Array(text.uppercased().utf8)
                #expect(bytes.withUnsafeBytes { $0.equalsIgnoringCase(literal) })
                bytes[place] = UInt8(ascii: "q")
                #expect(bytes.withUnsafeBytes { !$0.equalsIgnoringCase(literal) }, "\(text) differs at \(place)")
            }
        }
    }

    /// Every byte at every place of a text longer than two registers, between neighbours that could borrow.
    @Test(arguments: [UInt8(ascii: "a"), 0x09, 0x20, 0x7E, 0x80, 0xFF])
    func textEndsAtTheFirstControlCharacter(filler: UInt8) {
        let length = 21
        for byte in UInt8.min...UInt8.max {
            let isControl = (byte < 0x20 && byte != 0x09) || byte == 0x7F
            for place in 0..<length {
                for start in [0, 1, 5] where start <= place {
                    var text = [UInt8](repeating: filler, count: length)
                    text[place] = byte
                    let end = text.withUnsafeBytes { CharacterClass.endOfText($0, from: start) }
                    #expect(end == (isControl ? place : length), "byte \(byte) at \(place) from \(start)")
                }
            }
        }
    }

    @Test func theFirstOfSeveralIsFound() {
        let text: [UInt8] = [0x61, 0x09, 0x62, 0x0D, 0x0A, 0x00, 0x7F, 0x1F, 0x63]
        let ends = (0..<text.count).map { start in
            text.withUnsafeBytes { CharacterClass.endOfText($0, from: start) }
        }
        #expect(ends == [3, 3, 3, 3, 4, 5, 6, 7, 9])
    }
}
