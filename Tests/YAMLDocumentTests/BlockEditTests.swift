import Testing
import YAMLDocument

func edit(_ text: String, _ edits: YAMLEdit...) throws -> String {
    let document = try YAMLDocument(bytes: Array(text.utf8))
    return String(decoding: try document.applying(edits).bytes, as: UTF8.self)
}

@Suite struct BlockEditTests {
    static let file = """
        # Podium
        server:
          port: 8081   # the port

        endpoints:
          # The first.
          - name: one  # 1
            priority: 1
            tags:
              - a # the a
              # about b
              - b

          # The second.
          - name: two
            priority: 2 # second
            # priority: 9
          # nobody's

          - name: three
            key: |  # a key
              first
              second

        logging: {level: info}

        """

    @Test func setsAScalarAlone() throws {
        #expect(
            try edit(Self.file, .set(["endpoints", 1, "priority"], .integer(10)))
                == Self.file.replacingFirst("priority: 2 #", with: "priority: 10 #"))
    }

    @Test func insertsAKeyBehindItsAnchor() throws {
        #expect(
            try edit(
                Self.file, .insertKey("enabled", .boolean(false), into: ["endpoints", 0], placement: .after("name")))
                == Self.file.replacingFirst("one  # 1\n", with: "one  # 1\n    enabled: false\n"))
        #expect(
            try edit(Self.file, .insertKey("x", .string("yes"), into: ["endpoints", 2], placement: .after("key")))
                == Self.file.replacingFirst("- name: three", with: "- x: \"yes\"\n    name: three"))
        #expect(
            try edit(Self.file, .insertKey("x", .null, into: [], placement: .last))
                == Self.file + "x: null\n")
    }

    @Test func removesPairs() throws {
        #expect(
            try edit(Self.file, .remove(["endpoints", 1, "priority"]))
                == Self.file.replacingFirst("    priority: 2 # second\n", with: ""))
        #expect(
            try edit(Self.file, .remove(["endpoints", 0, "name"]))
                == Self.file.replacingFirst("name: one  # 1\n    priority", with: "priority"))
        #expect(
            try edit(Self.file, .remove(["endpoints", 0, "tags"]))
                == Self.file.replacingFirst(
                    "    tags:\n      - a # the a\n      # about b\n      - b\n", with: ""))
    }

    @Test func removesAnEntryWithItsOwnComments() throws {
        #expect(
            try edit(Self.file, .remove(["endpoints", 1]))
                == Self.file.replacingFirst(
                    "  # The second.\n  - name: two\n    priority: 2 # second\n    # priority: 9\n", with: ""))
        #expect(
            try edit(Self.file, .remove(["endpoints", 2]))
                == Self.file.replacingFirst(
                    "  - name: three\n    key: |  # a key\n      first\n      second\n\n", with: ""))
        #expect(
            try edit(Self.file, .remove(["endpoints", 0]), .remove(["endpoints", 1]), .remove(["endpoints", 2]))
                == """
                # Podium
                server:
                  port: 8081   # the port

                endpoints: []
                  # nobody's

                logging: {level: info}

                """)
    }

    @Test func appendsAnEntry() throws {
        let entry = YAMLValue.mapping(["name": .string("four"), "tags": .sequence([.string("x")])])
        #expect(
            try edit(Self.file, .insertEntry(entry, into: ["endpoints"], at: 3))
                == Self.file.replacingFirst(
                    "      second\n", with: "      second\n\n  - name: four\n    tags: [x]\n"))
    }

    @Test func mergesLists() throws {
        #expect(
            try edit(Self.file, .set(["endpoints", 0, "tags"], .sequence([.string("b"), .string("c")])))
                == Self.file.replacingFirst(
                    "      - a # the a\n      # about b\n      - b\n", with: "      # about b\n      - b\n      - c\n"))
    }

    @Test func replacesABlockScalar() throws {
        #expect(
            try edit(Self.file, .set(["endpoints", 2, "key"], .string("new")))
                == Self.file.replacingFirst("|  # a key\n      first\n      second", with: "new  # a key"))
    }
}

extension String {
    func replacingFirst(_ text: String, with replacement: String) -> String {
        guard let range = firstRange(of: text) else { return self }
        return String(self[..<range.lowerBound]) + replacement + String(self[range.upperBound...])
    }
}
