internal import CNIOLLHTTP
internal import HTTPWire

/// Reads an input with llhttp as it comes, without any of its leniency flags.
final class LLHTTPReader {
    private let input: WireInput
    private let isReadable: Bool
    private var transcript: Transcript
    private var reading = Reading()
    private var name: [UInt8] = []
    private var value: [UInt8] = []
    private var text: [UInt8] = []
    private var isInBody = false

    private init(_ input: WireInput, isReadable: Bool) {
        self.input = input
        self.isReadable = isReadable
        transcript = Transcript(isReadable: isReadable)
    }

    static func read(_ input: WireInput, isReadable: Bool = false) -> Reading {
        let reader = LLHTTPReader(input, isReadable: isReadable)
        reader.read()
        return reader.reading
    }

    private func read() {
        var settings = Self.settings
        var parser = llhttp_t()
        withUnsafeMutablePointer(to: &settings) { settings in
            c_nio_llhttp_init(&parser, input.isRequests ? HTTP_REQUEST : HTTP_RESPONSE, settings)
            parser.data = Unmanaged.passUnretained(self).toOpaque()
            input.bytes.withUnsafeBytes { bytes in
                var offset = 0
                while let next = step(&parser, bytes, from: offset) { offset = next }
            }
        }
        if isInBody { reading.unfinished = transcript }
    }

    /// - Returns: where to go on after a complete message, nil at the end
    private func step(_ parser: inout llhttp_t, _ bytes: UnsafeRawBufferPointer, from offset: Int) -> Int? {
        guard let base = bytes.baseAddress, offset <= bytes.count else { return nil }
        let result = c_nio_llhttp_execute_swift(&parser, base + offset, bytes.count - offset)
        if result == HPE_OK {
            reading.ending = isInBody ? .inBody : .inHead
            return nil
        }
        guard result == HPE_PAUSED || result == HPE_PAUSED_UPGRADE else {
            let reason = c_nio_llhttp_get_error_reason(&parser).map { String(cString: $0) } ?? ""
            reading.ending = .refused(.other("llhttp: \(reason)"))
            return nil
        }
        guard let position = c_nio_llhttp_get_error_pos(&parser) else { return nil }
        let end = UnsafeRawPointer(position) - base
        if result == HPE_PAUSED_UPGRADE {
            // The message was reported before; an upgrade that is not asked for here changes nothing.
            c_nio_llhttp_resume_after_upgrade(&parser)
            if let last = reading.messages.indices.last { reading.messages[last].end = end }
        } else {
            reading.messages.append(
                .init(transcript: transcript, end: end, keepsAlive: c_nio_llhttp_should_keep_alive(&parser) != 0))
            transcript = Transcript(isReadable: isReadable)
            isInBody = false
            let leavesHTTP = parser.method == UInt8(HTTP_CONNECT.rawValue) && input.isRequests
            let switches = !input.isRequests && parser.status_code == 101
            guard c_nio_llhttp_should_keep_alive(&parser) != 0, !leavesHTTP, !switches else {
                if leavesHTTP || switches, let last = reading.messages.indices.last {
                    reading.messages[last].keepsAlive = false
                }
                reading.ending = .finished
                return nil
            }
            c_nio_llhttp_resume(&parser)
        }
        return end
    }

    // MARK: Callbacks

    private static let settings: llhttp_settings_t = {
        var settings = llhttp_settings_t()
        settings.on_method = { reader($0).gather($1, $2) }
        settings.on_method_complete = { reader($0).endText(.method) }
        settings.on_url = { reader($0).gather($1, $2) }
        settings.on_url_complete = { reader($0).endText(.target) }
        settings.on_status = { reader($0).gather($1, $2) }
        settings.on_header_field = { reader($0).gatherName($1, $2) }
        settings.on_header_value = { reader($0).gatherValue($1, $2) }
        settings.on_header_value_complete = { reader($0).endField() }
        settings.on_headers_complete = { parser in
            let reader = reader(parser)
            reader.endHead(parser)
            return reader.input.kind == .responsesToHEAD ? 1 : 0
        }
        settings.on_body = { parser, bytes, count in
            reader(parser).transcript.add(body: UnsafeRawBufferPointer(start: bytes, count: count))
            return 0
        }
        settings.on_message_complete = { _ in CInt(HPE_PAUSED.rawValue) }
        return settings
    }()

    private static func reader(_ parser: UnsafeMutablePointer<llhttp_t>?) -> LLHTTPReader {
        guard let data = parser?.pointee.data else { preconditionFailure("the parser has lost its reader") }
        return Unmanaged<LLHTTPReader>.fromOpaque(data).takeUnretainedValue()
    }

    private var fields: [(name: [UInt8], value: [UInt8])] = []

    private func gather(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> CInt {
        text.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
        return 0
    }

    private func endText(_ mark: Transcript.Mark) -> CInt {
        text.withUnsafeBytes { transcript.add(mark, $0) }
        text.removeAll(keepingCapacity: true)
        return 0
    }

    private func gatherName(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> CInt {
        name.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
        return 0
    }

    private func gatherValue(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> CInt {
        value.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
        return 0
    }

    private func endField() -> CInt {
        // Fields behind the body are trailers, which are dropped here.
        if !isInBody { fields.append((name, value)) }
        name.removeAll(keepingCapacity: true)
        value.removeAll(keepingCapacity: true)
        return 0
    }

    private func endHead(_ parser: UnsafeMutablePointer<llhttp_t>?) {
        guard let parser = parser?.pointee else { return }
        transcript.add(.version, number: UInt64(parser.http_minor))
        if !input.isRequests {
            transcript.add(.status, number: UInt64(parser.status_code))
            _ = endText(.reason)
        }
        for field in fields {
            field.name.withUnsafeBytes { transcript.add(.name, $0) }
            // llhttp leaves some of the white space behind a value in place.
            field.value.withUnsafeBytes { transcript.add(.value, $0.trimmed) }
        }
        fields.removeAll(keepingCapacity: true)
        transcript.endHead()
        isInBody = true
    }
}
