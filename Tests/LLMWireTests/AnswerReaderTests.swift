import Foundation
import TestSupport
import Testing

@testable import LLMWire

/// Everything that a reader says of an answer.
private struct Reading: Equatable {
    var ending: AnswerReader.Ending?
    var usage: Usage
    var model: String?
    var firstContent: Int?
    var legibility: AnswerReader.Legibility
    /// Each event's meaning and the offset in the whole body at which it was known.
    var events: [String] = []

    init(
        _ pieces: [ArraySlice<UInt8>], _ vector: VectorFile.Vector, coding: String? = nil, isClean: Bool? = nil
    ) {
        var reader = AnswerReader(
            api: vector.llmAPI, status: vector.status ?? 200, contentType: vector.contentType,
            contentEncoding: coding ?? vector.contentEncoding)
        var offset = 0
        var events: [String] = []
        for piece in pieces {
            piece.withUnsafeBytes { bytes in
                reader.read(bytes) { meaning, end in events.append("\(meaning) \(offset + end)") }
            }
            offset += piece.count
        }
        ending = reader.finish(isClean: isClean ?? (vector.end == "clean")) { meaning, _ in
            events.append("\(meaning) at the end")
        }
        usage = reader.usage
        model = reader.model
        firstContent = reader.firstContent
        legibility = reader.legibility
        self.events = events
    }
}

@Suite("Reading answers")
struct AnswerReaderTests {
    @Test("The vectors, at every cutting")
    func vectors() throws {
        let vectors = try VectorFile.all("answer")
        #expect(vectors.count > 80 && vectors.filter { !$0.isPlain }.count > 6)
        for vector in vectors {
            let bytes = vector.wire
            for (index, cutting) in vector.cuttings.enumerated() {
                let reading = Reading(bytes.pieces(cutting), vector)
                let name = "\(vector.id), cutting \(index)"
                #expect("\(reading.legibility)".replacing("legible", with: "ok") == vector.expect.read, "\(name)")
                #expect(reading.ending.map { "\($0)" } == vector.expect.ending, "\(name)")
                #expect(reading.usage == vector.expect.usage?.usage, "\(name)")
                #expect(reading.model == vector.expect.modelAnswered, "\(name)")
                if let first = vector.expect.firstTokenOffset { #expect(reading.firstContent == first, "\(name)") }
                if vector.expect.firstTokenOffset == nil { #expect(reading.firstContent == nil, "\(name)") }
            }
        }
    }

    @Test("Under each content coding the same is read, wherever the bytes are cut", arguments: ContentEncoder.allCases)
    func codings(encoder: ContentEncoder) throws {
        var random = SeededRandom(seed: 20_261_130)
        for vector in try VectorFile.all("answer") where vector.isPlain && vector.bytes.count < 20_000 {
            let plain = vector.bytes
            let expected = Reading([plain[...]], vector)
            let wire = encoder.encode(plain)
            for _ in 0..<8 {
                let cuts = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                    Int.random(in: 0...wire.count, using: &random)
                }
                let found = Reading(wire.pieces(cuts.sorted()), vector, coding: encoder.name)
                #expect(found.usage == expected.usage && found.ending == expected.ending, "\(vector.id) \(cuts)")
                #expect(found.model == expected.model && found.firstContent == expected.firstContent, "\(vector.id)")
                #expect(found.legibility == expected.legibility, "\(vector.id)")
            }
        }
    }

    @Test("Codings lie within each other, gzip has several members, and what ends early is known as far as it came")
    func unusualCodings() throws {
        let (first, second) = (
            #"data: {"choices":[{"delta":{"content":"a"}}]}"# + "\n\n",
            #"data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"# + "\n\ndata: [DONE]\n\n"
        )
        func read(_ wire: [UInt8], _ coding: String, end: Bool = true) -> (AnswerReader, AnswerReader.Ending?) {
            var reader = AnswerReader(
                api: .chatCompletions, status: 200, contentType: "text/event-stream", contentEncoding: coding)
            wire.withUnsafeBytes { reader.read($0) }
            let ending = reader.finish(isClean: end)
            return (reader, ending)
        }
        let members = ContentEncoder.gzip.encode(Array(first.utf8)) + ContentEncoder.gzip.encode(Array(second.utf8))
        let nested = ContentEncoder.brotli.encode(ContentEncoder.zstd.encode(Array((first + second).utf8)))
        for (wire, coding) in [(members, "gzip"), (members, " X-GZIP, identity"), (nested, "zstd, br")] {
            let (reader, ending) = read(wire, coding)
            #expect(reader.legibility == .legible && ending == .complete && reader.usage.input == 5, "\(coding)")
        }
        // Without gzip's own end, and cut within the second member.
        #expect(read(Array(members.dropLast(8)), "gzip").1 == .complete)
        let cut = read(Array(members.prefix(members.count - 20)), "gzip")
        #expect(cut.0.legibility == .legible && cut.1 == .partial && cut.0.firstContent == first.utf8.count)
        // What comes before a mistake was read.
        let broken = read(members + [1, 2, 3], "gzip")
        #expect(broken.0.legibility == .broken && broken.1 == .complete && broken.0.usage.output == 2)
        let early = read(ContentEncoder.gzip.encode(Array(first.utf8)) + [1, 2, 3], "gzip")
        #expect(early.0.legibility == .broken && early.1 == .partial && early.0.hasOutput)
        #expect(read(members, "gzip, gzip, gzip, gzip").0.legibility == .encoded)
    }

    @Test("Of an answer that is no stream so much is decoded and no more")
    func decodedLimit() {
        let zeros = [UInt8](repeating: 0x20, count: AnswerReader.decodedLimit + 1)
        for (count, expected) in [(zeros.count, AnswerReader.Legibility.encoded), (zeros.count - 1, .legible)] {
            var reader = AnswerReader(
                api: .messages, status: 200, contentType: "application/json", contentEncoding: "zstd")
            ContentEncoder.zstd.encode(Array(zeros.prefix(count))).withUnsafeBytes { reader.read($0) }
            #expect(reader.legibility == expected)
            #expect((reader.decoderMemory > 0) == (expected == .legible))
            #expect(reader.finish(isClean: true) == .partial && reader.decoderMemory == 0)
        }
    }

    /// 1,500 of each are more than 100,000 in all.
    private static let cuttingsOfEach =
        ProcessInfo.processInfo.environment["PODIUM_CUTTINGS"].flatMap { Int($0) } ?? 20

    @Test("Any cutting reads the same")
    func cuttings() throws {
        var random = SeededRandom(seed: 20_261_129)
        for vector in try VectorFile.all("answer").filter(\.isPlain) where vector.bytes.count < 20_000 {
            let bytes = vector.bytes
            let whole = Reading([bytes[...]], vector)
            for _ in 0..<Self.cuttingsOfEach {
                let cuts = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                    Int.random(in: 1...max(1, bytes.count), using: &random)
                }
                #expect(Reading(bytes.pieces(cuts), vector) == whole, "\(vector.id) cut at \(cuts)")
            }
        }
    }

    @Test("Bytes that somebody has changed never stop the reader, and read the same at any cutting")
    func mutations() throws {
        var random = SeededRandom(seed: 7)
        for vector in try VectorFile.all("answer").filter(\.isPlain) where vector.bytes.count < 8_000 {
            for _ in 0..<20 {
                var bytes = vector.bytes
                guard !bytes.isEmpty else { continue }
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    bytes[place] = Bool.random(using: &random) ? UInt8.random(in: .min ... .max, using: &random) : 0x0A
                }
                let whole = Reading([bytes[...]], vector)
                #expect(Reading(bytes.pieces(Array(1..<bytes.count)), vector) == whole, "\(vector.id)")
            }
        }
    }

    @Test("It keeps little, whatever comes")
    func size() {
        #expect(MemoryLayout<AnswerReader>.size <= 1_536)
    }

    private func classes(_ api: LLMAPI, _ text: String) -> [AnswerReader.EventClass] {
        var reader = AnswerReader(api: api, status: 200, contentType: "text/event-stream")
        var classes: [AnswerReader.EventClass] = []
        var bytes = Array(text.utf8)
        bytes.withUnsafeMutableBytes { buffer in
            reader.read(UnsafeRawBufferPointer(buffer)) { meaning, _ in classes.append(meaning) }
        }
        return classes
    }

    private func classes(_ api: LLMAPI, event json: String) -> [AnswerReader.EventClass] {
        classes(api, "data: \(json)\n\n")
    }

    @Test("Events of Messages")
    func messagesEvents() {
        let event = { (json: String) in "data: \(json)\n\n" }
        #expect(
            classes(.messages, event(#"{"type":"message_start","message":{"usage":{"input_tokens":1}}}"#)) == [.neutral]
        )
        #expect(classes(.messages, event(#"{"type":"ping"}"#)) == [.neutral])
        let block = { (block: String) in event(#"{"type":"content_block_start","index":0,"content_block":\#(block)}"#) }
        #expect(classes(.messages, block(#"{"type":"text","text":""}"#)) == [.neutral])
        #expect(classes(.messages, block(#"{"type":"thinking","thinking":"","signature":""}"#)) == [.neutral])
        #expect(classes(.messages, block(#"{"type":"tool_use","id":"x","name":"y","input":{}}"#)) == [.content])
        let delta = { (delta: String) in event(#"{"type":"content_block_delta","delta":\#(delta)}"#) }
        #expect(classes(.messages, delta(#"{"type":"text_delta","text":""}"#)) == [.neutral])
        #expect(classes(.messages, delta(#"{"type":"text_delta","text":"a"}"#)) == [.content])
        #expect(classes(.messages, delta(#"{"type":"signature_delta","signature":"abc"}"#)) == [.content])
        #expect(classes(.messages, event(#"{"type":"message_stop"}"#)) == [.end])
        #expect(classes(.messages, "event: error\ndata: {\"error\":{\"type\":\"overloaded_error\"}}\n\n") == [.error])
        #expect(classes(.messages, event(#"{"error":{"type":"overloaded_error","message":"x"}}"#)) == [.error])
        #expect(classes(.messages, event(#"{"type":"brand_new"}"#)) == [.unknown])
        #expect(classes(.messages, ": a comment\n\nretry: 5\n\nid: 7\n\nevent: ping\n\n").isEmpty)
    }

    @Test("Events of Responses")
    func responsesEvents() {
        let event = { (json: String) in "data: \(json)\n\n" }
        for type in ["response.created", "response.in_progress", "response.queued", "response.output_item.added"] {
            #expect(classes(.responses, event(#"{"type":"\#(type)","response":{"error":null}}"#)) == [.neutral])
        }
        #expect(classes(.responses, event(#"{"type":"response.output_text.delta","delta":"a"}"#)) == [.content])
        #expect(classes(.responses, event(#"{"type":"response.output_text.delta","delta":""}"#)) == [.neutral])
        #expect(classes(.responses, event(#"{"type":"response.completed","response":{}}"#)) == [.end])
        #expect(classes(.responses, event(#"{"type":"response.incomplete","response":{}}"#)) == [.end])
        #expect(
            classes(.responses, event(#"{"type":"response.failed","response":{"error":{"code":"x"}}}"#)) == [.error])
        #expect(classes(.responses, event(#"{"type":"error","code":"rate_limit_exceeded","message":"m"}"#)) == [.error])
    }

    @Test("Events of Chat Completions")
    func chatEvents() {
        let chunk = { (delta: String) in
            "data: {\"choices\":[{\"index\":0,\"delta\":\(delta),\"finish_reason\":null}]}\n\n"
        }
        #expect(classes(.chatCompletions, chunk(#"{"role":"assistant","content":""}"#)) == [.neutral])
        #expect(classes(.chatCompletions, chunk(#"{"reasoning_content":"a"}"#)) == [.content])
        #expect(
            classes(.chatCompletions, chunk(#"{"tool_calls":[{"function":{"name":"f","arguments":""}}]}"#)) == [
                .content
            ])
        #expect(classes(.chatCompletions, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n") == [.neutral])
        #expect(classes(.chatCompletions, "data: {\"error\":{\"message\":\"x\"}}\n\n") == [.error])
        #expect(classes(.chatCompletions, "data: {\"error\":null,\"choices\":[]}\n\n") == [.neutral])
        #expect(classes(.chatCompletions, "data:[DONE]\r\r") == [.end])
        // What is not known passes.
        #expect(classes(.chatCompletions, "data: no JSON\n\n") == [.unknown])
        #expect(classes(.chatCompletions, event: #"{"object":"brand.new"}"#) == [.unknown])
        // Of another kind than those that are timed; the client gets it all the same.
        #expect(classes(.chatCompletions, chunk(#"{"images":[{"image_url":{"url":"data:x"}}]}"#)) == [.unknown])
        // Signs of life.
        #expect(classes(.chatCompletions, "data:\n\ndata: \n\n").isEmpty)
        #expect(classes(.chatCompletions, "data:  \n\n") == [.neutral])
        #expect(classes(.chatCompletions, event: #"{"type":"ping"}"#) == [.neutral])
        // Cut off: it may have been anything.
        #expect(classes(.chatCompletions, "data: {\"choices\":[{\n\n").isEmpty)
    }

    @Test("An error says what it is")
    func errors() {
        func error(_ api: LLMAPI, _ body: String, status: Int = 200) -> AnswerReader.NamedError? {
            var reader = AnswerReader(api: api, status: status, contentType: nil)
            Array(body.utf8).withUnsafeBytes { reader.read($0) }
            _ = reader.finish(isClean: true)
            return reader.error
        }
        #expect(
            error(
                .messages, #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, status: 529)
                == .init(type: "overloaded_error", code: "", message: "Overloaded"))
        #expect(
            error(
                .chatCompletions,
                #"{"error":{"message":"You exceeded\nyour quota","type":"insufficient_quota","code":"insufficient_quota"}}"#
            )
                == .init(type: "insufficient_quota", code: "insufficient_quota", message: "You exceededyour quota"))
        #expect(
            error(
                .responses,
                "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\","
                    + "\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow down\"}}}\n\n")
                == .init(type: "", code: "rate_limit_exceeded", message: "slow down"))
        #expect(error(.chatCompletions, #"{"error":{"code":429,"message":"m"}}"#)?.code == "429")
        #expect(error(.messages, #"{"type":"message","error":null}"#) == nil)
    }

    private func reader(
        _ api: LLMAPI, _ body: String, type: String? = "text/event-stream", coding: String? = nil, status: Int = 200
    ) -> (reader: AnswerReader, ending: AnswerReader.Ending?, classes: [AnswerReader.EventClass]) {
        var reader = AnswerReader(api: api, status: status, contentType: type, contentEncoding: coding)
        var classes: [AnswerReader.EventClass] = []
        // Byte by byte: what is true in pieces is true of the whole.
        for byte in body.utf8 {
            withUnsafeBytes(of: byte) { reader.read($0) { meaning, _ in classes.append(meaning) } }
        }
        let ending = reader.finish(isClean: true) { meaning, _ in classes.append(meaning) }
        return (reader, ending, classes)
    }

    @Test("A page is known by its media type or its first byte")
    func markup() {
        for type in ["text/event-stream", "application/json", nil] {
            let read = reader(.messages, "\u{FEFF}\r\n <!DOCTYPE html><p>data: {}</p>", type: type)
            #expect(read.reader.isMarkup && read.ending == .partial && read.classes == [.error])
        }
        #expect(reader(.responses, "x", type: "text/HTML; charset=utf-8").reader.isMarkup)
        #expect(!reader(.responses, "data: <html>\n\n").reader.isMarkup)
    }

    @Test("An empty body is told from one that says something, and from one that cannot be read")
    func emptyBody() {
        #expect(reader(.messages, "").reader.isEmpty)
        #expect(reader(.messages, " \r\n", type: "application/json").reader.isEmpty)
        #expect(!reader(.messages, ": ping\n\n").reader.isEmpty)
        #expect(reader(.messages, "", coding: "gzip").reader.isEmpty)
        #expect(!reader(.messages, "", coding: "compress").reader.isEmpty)
        #expect(!reader(.messages, "", type: "text/html").reader.isEmpty)
    }

    @Test("What is under a coding that is not known, or not what it says, is not read")
    func encoded() {
        let event = "data: {\"error\":{\"message\":\"x\"}}\n\n"
        for coding in ["compress", "x-snappy", "gzip, dcb"] {
            let read = reader(.messages, event, coding: coding)
            #expect(read.reader.legibility == .encoded && read.ending == .partial && read.classes.isEmpty)
        }
        for coding in ["gzip", "br", "zstd", "GZIP, br"] {
            let read = reader(.messages, event, coding: coding)
            #expect(read.reader.legibility == .broken && read.ending == .partial && read.classes.isEmpty, "\(coding)")
            #expect(read.reader.isForeign && !read.reader.isEmpty)
        }
        for coding in ["", " Identity "] { #expect(reader(.messages, event, coding: coding).classes == [.error]) }
    }

    @Test("Why a model stopped is said in the API's own word")
    func finishReasons() {
        func reason(_ api: LLMAPI, _ body: String) -> String? { reader(api, body).reader.finishReason }
        #expect(
            reason(.messages, "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\"}}\n\n")
                == "refusal")
        #expect(reason(.messages, #"{"type":"message","content":[],"stop_reason":"end_turn"}"#) == "end_turn")
        #expect(
            reason(.chatCompletions, #"{"choices":[{"message":{},"finish_reason":"content_filter"}]}"#)
                == "content_filter")
        #expect(
            reason(
                .chatCompletions, "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
                == "stop")
        let incomplete = #"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}"#
        #expect(reason(.responses, incomplete) == "max_output_tokens")
        #expect(
            reason(.responses, "data: {\"type\":\"response.incomplete\",\"response\":\(incomplete)}\n\n")
                == "max_output_tokens")
        #expect(reason(.messages, "data: {\"type\":\"ping\"}\n\n") == nil)
    }

    @Test("An end without output is told from one with it")
    func output() {
        let start = "data: {\"type\":\"message_start\",\"message\":{}}\n\n"
        let stop = "data: {\"type\":\"message_stop\"}\n\n"
        let delta = "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n"
        let empty = reader(.messages, start + stop)
        #expect(empty.ending == .complete && !empty.reader.hasOutput)
        let whole = reader(.messages, start + delta + stop)
        #expect(whole.ending == .complete && whole.reader.hasOutput)
        let cut = reader(.messages, start + delta)
        #expect(cut.ending == .partial && cut.reader.hasOutput)
        #expect(!reader(.messages, #"{"content":[]}"#).reader.hasOutput)
        #expect(
            !reader(.messages, #"{"content":[{"type":"text","text":""}],"stop_reason":"end_turn"}"#).reader.hasOutput)
        #expect(reader(.messages, #"{"content":[{"type":"tool_use","id":"a","input":{}}]}"#).reader.hasOutput)
        #expect(reader(.messages, #"{"type":"brand_new"}"#).reader.hasOutput)
        #expect(
            !reader(.chatCompletions, #"{"choices":[{"message":{"role":"assistant","content":""}}]}"#).reader.hasOutput)
        #expect(!reader(.chatCompletions, #"{"choices":[]}"#).reader.hasOutput)
        #expect(reader(.chatCompletions, #"{"choices":[{"message":{"tool_calls":[{"id":"a"}]}}]}"#).reader.hasOutput)
        #expect(reader(.chatCompletions, #"{"choices":[{"text":"a"}]}"#).reader.hasOutput)
        // An embedding has no words.
        #expect(reader(.chatCompletions, #"{"object":"list","data":[{"embedding":[0.5]}]}"#).reader.hasOutput)
        #expect(reader(.responses, #"{"object":"response","status":"completed","output":[]}"#).reader.hasOutput)
        #expect(!reader(.messages, #"{"error":{"type":"overloaded_error"}}"#).reader.hasOutput)
        #expect(reader(.messages, "data: {\"type\":\"brand_new\"}\n\n").reader.hasOutput)
    }

    @Test("What a response's first events echo is passed over, and what stands behind it is read")
    func echo() {
        let echoed = #""tools":[{"name":"x","error":{"a":"]}\"\\"}}],"instructions":{"b":[{}]}"#
        let event =
            "data: {\"type\":\"response.created\",\"response\":{\(echoed),\"model\":\"m\",\"error\":null},\"x\":[[{}]]}\n\n"
        let read = reader(.responses, event)
        #expect(read.classes == [.neutral] && read.reader.model == "m")
    }

    @Test("A long error is kept far enough for what it says of waiting")
    func longErrors() {
        let message =
            "Rate limit reached for gpt-5.1 in organization org-0123456789abcdef on tokens per min (TPM): "
            + "Limit 30000, Used 29000, Requested 2000. Please try again in 2.5s."
        #expect(message.utf8.count > 128)
        let read = reader(.chatCompletions, "{\"error\":{\"message\":\"\(message)\"}}", status: 429)
        #expect(read.reader.error?.message == message)
        #expect(
            reader(.chatCompletions, #"{"detail":"no such model"}"#, status: 404).reader.error?.message
                == "no such model")
    }

    @Test("A kind of media that is neither JSON nor a stream is not looked into")
    func foreign() {
        for type in ["text/html; charset=utf-8", "image/png", "application/grpc"] {
            var reader = AnswerReader(api: .messages, status: 200, contentType: type)
            Array("{\"usage\":{\"input_tokens\":5}}".utf8).withUnsafeBytes { reader.read($0) }
            #expect(reader.legibility == .foreign)
            #expect(reader.finish(isClean: true) == nil)
            #expect(reader.usage == Usage())
        }
        for type in ["application/problem+json", "TEXT/EVENT-STREAM ; charset=utf-8", ""] {
            #expect(AnswerReader(api: .messages, status: 200, contentType: type).legibility == .legible)
        }
    }

    /// Whatever the answer before was, and wherever it was cut.
    @Test("A reader that begins anew is as good as a new one")
    func beginsAnew() {
        let bodies = [
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":5}}}\n\n",
            "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy \\u00e9\"}}\n\ndata: [DONE]\n\n",
            "{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"usage\":{\"output_tokens\":7},\"stop_reason\":\"end_turn\"}",
            "\u{FEFF}<html>", "{\"a\":[[{\"b\":tru",
        ]
        let media: [AnswerReader.Media] = [.unknown, .json, .eventStream, .page, .encoded]
        for before in bodies {
            for cut in stride(from: 0, through: before.utf8.count, by: 7) {
                for after in bodies {
                    for (api, kind) in zip(
                        [LLMAPI.messages, .chatCompletions, .responses, .messages, .messages], media)
                    {
                        var used = AnswerReader(api: .messages, status: 200, media: .unknown)
                        Array(before.utf8.prefix(cut)).withUnsafeBytes { used.read($0) }
                        used.begin(api: api, status: 200, media: kind)
                        var new = AnswerReader(api: api, status: 200, media: kind)
                        #expect(Self.account(&used, after) == Self.account(&new, after))
                    }
                }
            }
        }
    }

    private static func account(_ reader: inout AnswerReader, _ body: String) -> String {
        var classes: [AnswerReader.EventClass] = []
        Array(body.utf8).withUnsafeBytes { reader.read($0) { meaning, _ in classes.append(meaning) } }
        let ending = reader.finish(isClean: true)
        return
            "\(classes) \(String(describing: ending)) \(reader.usage) \(reader.model ?? "") \(reader.finishReason ?? "") "
            + "\(String(describing: reader.error)) \(reader.hasOutput) \(reader.isForeign) \(reader.isMarkup) \(reader.isEmpty) "
            + "\(reader.hasKnownEvents) \(reader.isStream) \(reader.legibility) \(String(describing: reader.firstContent))"
    }
}
