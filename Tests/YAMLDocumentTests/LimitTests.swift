import Testing
import YAMLDocument

@Suite struct LimitTests {
    private func failure(_ bytes: [UInt8]) -> YAMLError? {
        do throws(YAMLError) {
            _ = try YAMLDocument(bytes: bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test func nestingStopsAtTheLimit() {
        let deepest = YAMLDocument.maximumDepth
        #expect(
            failure(
                Array(String(repeating: "[", count: deepest).utf8) + Array(String(repeating: "]", count: deepest).utf8))
                == nil)
        let tooDeep = failure(Array(String(repeating: "[", count: deepest + 1).utf8))
        #expect(tooDeep?.column == deepest + 1 && tooDeep?.reason.contains("deeper") == true)
        // A file of nothing but brackets ends there as well, and soon.
        #expect(failure(Array(repeating: UInt8(ascii: "["), count: 1 << 20))?.reason.contains("deeper") == true)
        #expect(failure(Array(String(repeating: "- ", count: 1 << 18).utf8))?.reason.contains("deeper") == true)
    }

    @Test func hugeFilesAreRefused() {
        let size = YAMLDocument.maximumByteCount + 1
        #expect(failure(Array(repeating: UInt8(ascii: "#"), count: size))?.reason.contains("\(size) bytes") == true)
    }

    @Test(
        arguments: [
            [0xFF, 0xFE, 0x61, 0x00], [0xFE, 0xFF, 0x00, 0x61], [0x61, 0x00, 0x3A, 0x00], [0x00, 0x61, 0x00, 0x3A],
        ] as [[UInt8]]) func otherEncodingsAreNamed(_ bytes: [UInt8])
    {
        #expect(failure(bytes)?.reason.contains("UTF-16") == true)
    }

    @Test func placesAreThoseOfAnEditor() {
        // In code points, behind a byte-order mark that is not counted, over every kind of line break.
        #expect(failure(Array("\u{FEFF}a: \u{1}".utf8)).map { [$0.line, $0.column] } == [1, 4])
        #expect(failure(Array("é: 日\r\nb: 🚀\u{1}".utf8)).map { [$0.line, $0.column] } == [2, 5])
        #expect(failure(Array("a: 1\u{85}b: 2\u{2028}c: [".utf8)).map(\.line) == 3)
        #expect(failure([0x61, 0x3A, 0x20, 0xC3]).map { [$0.line, $0.column] } == [1, 4])
    }

    @Test func anEmptyFileHasNoRoot() throws {
        for text in ["", "\n\n", "# c\n", "\u{FEFF}", "\u{FEFF}# c"] {
            let document = try YAMLDocument(bytes: Array(text.utf8))
            #expect(document.root == nil)
            let edited = try document.applying([.insertKey("a", .integer(1), into: [], placement: .last)])
            #expect(edited.root?["a"]?.scalar == .integer(1))
            #expect(edited.bytes.starts(with: document.bytes))
        }
    }

    @Test func aliasesThatContainThemselvesEnd() throws {
        let document = try YAMLDocument(bytes: Array("a: &a [*a, &b x, *b]\n".utf8))
        let entries = try #require(document.root?["a"]?.entries)
        #expect(entries[0].resolved == nil)
        #expect(entries[2].resolved?.text == "x")
    }
}
