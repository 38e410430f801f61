import Foundation
import TestSupport
import Testing

@testable import LLMWire

@Suite("Reading requests")
struct RequestReaderTests {
    private func read(_ bytes: [UInt8], cuts: [Int] = []) -> RequestReader {
        var reader = RequestReader()
        for piece in bytes.pieces(cuts) { piece.withUnsafeBytes { reader.read($0) } }
        return reader
    }

    @Test("The vectors, whole and byte by byte")
    func vectors() throws {
        let vectors = try VectorFile.all("request")
        #expect(vectors.count == 7)
        for vector in vectors {
            let bytes = vector.bytes
            for cuts in [[], Array(1..<max(1, bytes.count))] {
                let reader = read(bytes, cuts: cuts)
                #expect(reader.model == vector.expect.model, "\(vector.id)")
                #expect(reader.stream == vector.expect.stream, "\(vector.id)")
                #expect(reader.includeUsage == vector.expect.includeUsage, "\(vector.id)")
            }
        }
    }

    @Test("Nothing is read behind the limit")
    func limit() {
        let padding = String(repeating: "x", count: RequestReader.limit)
        #expect(read(Array(#"{"pad":"\#(padding)","model":"m"}"#.utf8)).model == nil)
        #expect(read(Array(#"{"model":"m","pad":"\#(padding)"}"#.utf8)).model == "m")
    }

    private func withUsage(_ text: String, cuts: [Int] = []) -> String? {
        let bytes = Array(text.utf8)
        guard let (range, insertion) = read(bytes, cuts: cuts).usageRequest else { return nil }
        return String(decoding: bytes[..<range.lowerBound], as: UTF8.self) + "\(insertion)"
            + String(decoding: bytes[range.upperBound...], as: UTF8.self)
    }

    @Test("The usage is asked for where a stream is and its client does not ask, and in no other way than one")
    func askingForUsage() {
        let cases: [(String, String?)] = [
            (#"{"stream":true}"#, #"{"stream_options":{"include_usage":true},"stream":true}"#),
            (" \n{ \"stream\" : true}", " \n{\"stream_options\":{\"include_usage\":true}, \"stream\" : true}"),
            (#"{"stream":true,"stream_options":null}"#, #"{"stream":true,"stream_options":{"include_usage":true}}"#),
            (#"{"stream":true,"stream_options":{ }}"#, #"{"stream":true,"stream_options":{"include_usage":true }}"#),
            (
                #"{"stream":true,"stream_options":{"x":[{"include_usage":true}]}}"#,
                #"{"stream":true,"stream_options":{"include_usage":true,"x":[{"include_usage":true}]}}"#
            ),
            (
                #"{"stream_options":{"include_usage":false,"x":1},"stream":true}"#,
                #"{"stream_options":{"include_usage":true,"x":1},"stream":true}"#
            ),
            (
                #"{"stream_options":{"y":{},"include_usage": null},"stream":true}"#,
                #"{"stream_options":{"y":{},"include_usage": true},"stream":true}"#
            ),
            // The last of two counts.
            (
                #"{"stream_options":{"include_usage":true},"stream":true,"stream_options":{"include_usage":false}}"#,
                #"{"stream_options":{"include_usage":true},"stream":true,"stream_options":{"include_usage":true}}"#
            ),
            (#"{"stream_options":{"include_usage":false},"stream":true,"stream_options":{"include_usage":true}}"#, nil),
            (#"{"stream":true,"stream_options":{"include_usage":true}}"#, nil),
            // The endpoint's to refuse.
            (#"{"stream":true,"stream_options":[]}"#, nil), (#"{"stream":true,"stream_options":"x"}"#, nil),
            (#"{"stream":true,"stream_options":{"include_usage":{"a":1}}}"#, nil),
            (#"{"stream":true,"stream_options":{"include_usage":"yes"}}"#, nil),
            // No stream, or not all of it.
            (#"{"stream":false}"#, nil), ("{}", nil), (#"{"stream":true"#, nil), ("", nil),
            (#"[{"stream":true}]"#, nil),
            (#"{"a":{"stream":true,"stream_options":{}}}"#, nil),
            (
                #"{"messages":[{"stream_options":{"include_usage":true}}],"stream":true}"#,
                #"{"stream_options":{"include_usage":true},"messages":[{"stream_options":{"include_usage":true}}],"stream":true}"#
            ),
        ]
        for (text, expected) in cases {
            #expect(withUsage(text) == expected, "\(text)")
            #expect(withUsage(text, cuts: Array(1..<max(1, text.utf8.count))) == expected, "\(text)")
        }
    }

    @Test("What is asked of 3,000 bodies made by chance differs in this alone, says a parser that shares nothing")
    func askingForUsageAtRandom() throws {
        var random = SeededRandom(seed: 3)
        var asked = 0
        for number in 0..<3_000 {
            var members = [
                #""stream":true"#, #""model":"m\u0022é""#, #""messages":[{"role":"user","content":"{\"stream\":1"}]"#,
            ]
            let options =
                [
                    nil, "null", "{}", #"{"a":[1,{"include_usage":true}],"b":"}"}"#, #"{"include_usage":false}"#,
                    #"{"c":null,"include_usage":null , "d":1.5}"#, #"{"include_usage":true}"#,
                ].randomElement(using: &random) ?? nil
            if let options { members.append("\"stream_options\":\(options)") }
            members.shuffle(using: &random)
            let blank = ["", " ", "\n\t"].randomElement(using: &random) ?? ""
            let text = "{\(blank)" + members.joined(separator: "\(blank),") + "\(blank)}"
            let count = text.utf8.count
            let cuts = (0..<3).map { _ in Int.random(in: 1..<count, using: &random) }.sorted()
            let original = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
            let before = original["stream_options"] as? [String: Any] ?? [:]
            guard let changed = withUsage(text, cuts: cuts) else {
                #expect(before["include_usage"] as? Bool == true, "\(number) \(text)")
                continue
            }
            asked += 1
            var expected = original
            expected["stream_options"] = before.merging(["include_usage": true]) { _, new in new }
            let found = try JSONSerialization.jsonObject(with: Data(changed.utf8)) as? [String: Any] ?? [:]
            #expect(NSDictionary(dictionary: found) == NSDictionary(dictionary: expected), "\(number) \(changed)")
        }
        #expect((2_000..<2_900).contains(asked))
    }

    @Test("A session is known by what names it, the cache key first")
    func sessions() {
        let a = read(Array(#"{"metadata":{"user_id":"user_1_session_a"}}"#.utf8)).session
        let b = read(Array(#"{"metadata":{"user_id":"user_1_session_b"}}"#.utf8)).session
        let both = read(Array(#"{"prompt_cache_key":"k","metadata":{"user_id":"user_1_session_b"}}"#.utf8)).session
        let key = read(Array(#"{"metadata":{"user_id":"user_1_session_a"},"prompt_cache_key":"k"}"#.utf8)).session
        #expect(a != nil && a != b)
        #expect(both == key && both != b)
        #expect(read(Array(#"{"model":"m"}"#.utf8)).session == nil)
    }

    @Test("The operation is known by method and path")
    func operations() {
        func operation(_ method: String, _ path: String) -> LLMOperation { LLMOperation(method: method, path: path) }
        #expect(operation("POST", "/v1/messages?beta=true") == .inference(.messages))
        #expect(operation("POST", "/api/anthropic/v1/messages") == .inference(.messages))
        #expect(operation("POST", "/v1/messages/count_tokens") == .countTokens)
        #expect(operation("POST", "/v1/chat/completions/") == .inference(.chatCompletions))
        #expect(operation("POST", "/v1/completions") == .inference(.chatCompletions))
        #expect(operation("POST", "/backend-api/codex/responses") == .inference(.responses))
        #expect(operation("POST", "/v1/embeddings") == .embeddings)
        #expect(operation("GET", "/v1/models") == .modelList)
        #expect(operation("GET", "/v1/models/gpt-5.1") == .modelList)
        #expect(operation("GET", "/v1/responses/resp_1") == .other)
        #expect(operation("POST", "/v1/messages/batches") == .other)
        #expect(operation("POST", "/v1/submessages") == .other)
        #expect(operation("GET", "/") == .other)
        #expect(operation("POST", "/v1/complete") == .otherInference)
        #expect(operation("POST", "/v1beta/models/gemini-3:streamGenerateContent?alt=sse") == .otherInference)
        #expect(operation("POST", "/messages") == .inference(.messages))
        #expect(operation("GET", "/v1/messages") == .other)
        #expect(operation("POST", "/v1/audio/speech") == .other)
        #expect(operation("GET", "/models") == .modelList)
        #expect(operation("POST", "messages") == .other)
        #expect(operation("", "") == .other)
    }

    @Test("A field of the head names a session, and the body's name is another")
    func fields() {
        func key(_ text: String) -> SessionKey? { Array(text.utf8).withUnsafeBytes { SessionKey(field: $0) } }
        #expect(key("") == nil)
        #expect(key("a") != nil && key("a") == key("a") && key("a") != key("b"))
        // Claude Code's own name: its session is behind the 128th byte.
        let user =
            "user_" + String(repeating: "a", count: 64) + "_account_0f7d5c2e-8a39-4b51-9c8f-1d2e3f405162_session_"
        func session(_ id: String) -> SessionKey? {
            read(Array("{\"metadata\":{\"user_id\":\"\(user)\(id)\"}}".utf8)).session
        }
        #expect(
            session("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed") != session("2b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"))
    }

    @Test("A model whose name has capitals is noted, in whatever way it is written")
    func capitals() {
        for (body, isNoted) in [
            (#"{"model":"a","Model":"b"}"#, true), (#"{"MODEL":"b"}"#, true),
            (#"{"\u006dodeL":"b","model":"a"}"#, true),
            (#"{"model":"a","metadata":{"Model":"b"},"modal":1,"mo el":2}"#, false),
        ] {
            for cut in 1..<body.utf8.count {
                var reader = RequestReader()
                for piece in Array(body.utf8).pieces([cut]) { piece.withUnsafeBytes { reader.read($0) } }
                #expect(reader.namesModelWithCapitals == isNoted, "\(body) cut at \(cut)")
            }
        }
    }

    @Test("A byte order mark in front is passed over, wherever it is cut")
    func mark() {
        let body = [0xEF, 0xBB, 0xBF] + Array(#"{"model":"m"}"#.utf8)
        for cuts in [[], [1], [2], [3], [1, 2], Array(1..<body.count)] { #expect(read(body, cuts: cuts).model == "m") }
        // Half of one is the beginning of what is no JSON.
        for cuts in [[], [1], [2]] { #expect(read([0xEF, 0x7B, 0xBF] + body, cuts: cuts).model == nil) }
    }

    @Test("What stands behind megabytes of messages is read, wherever the body is cut")
    func late() {
        // Brackets, quotes and backslashes within strings, and the same keys deeper down.
        let message = #"{"role":"user","content":[{"type":"text","text":"]} \" {[ \\"},{"model":"no","stream":false}]}"#
        let body = Array(
            (#"{"messages":["# + Array(repeating: message, count: 40).joined(separator: ",")
                + #"],"tools":[{"a":{"b":[[]]}}],"system":"\"stream\":false","metadata":{"user_id":"u","x":{"user_id":"v"}},"#
                + #""stream_options":{"include_usage":true},"model":"m","stream":true}"#).utf8)
        let whole = read(body)
        #expect(whole.model == "m" && whole.stream == true && whole.includeUsage == true && whole.isFinished)
        #expect(whole.session == read(Array(#"{"metadata":{"user_id":"u"}}"#.utf8)).session)
        for cuts in [Array(1..<body.count)] + (1..<body.count).map({ [$0] }) {
            let reader = read(body, cuts: cuts)
            guard reader.model == "m", reader.stream == true, reader.includeUsage == true,
                reader.session == whole.session
            else {
                Issue.record("cut at \(cuts.first ?? 0) of \(cuts.count)")
                return
            }
        }
    }
}
