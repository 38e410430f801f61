internal import Coding
internal import HTTPWire
internal import LLMWire

/// The content coding of a request's body, as its head names it.
///
/// A body that nothing has to be known of goes to the endpoint as it came, whatever the coding. One that has to be read is decoded where it
/// is kept, piece by piece and never beyond a budget, so that a few bytes which stand for gigabytes cost no more than a body that is sent
/// as it is. Where the model's name changes in it, it is sent without its coding: every server reads such a body, and Podium has no work with
/// encoding it.
struct RequestCoding {
    /// The values of the head's fields, with commas between.
    private var field: [UInt8] = []

    /// The body is what it looks like.
    var isNone: Bool { field.isEmpty }

    /// A field of the head names codings.
    mutating func note(_ value: UnsafeRawBufferPointer) {
        guard !value.isEmpty, !value.equalsIgnoringCase("identity") else { return }
        if !field.isEmpty { field.append(UInt8(ascii: ",")) }
        field.append(contentsOf: value)
    }

    /// Why a body could not be read.
    enum Problem: Equatable {
        case unknown(String)
        case failed(DecodingError)

        /// What the client is told, where the body has to be read.
        var answer: LocalAnswer {
            switch self {
            case .unknown(let name):
                LocalAnswer(
                    status: 415,
                    message:
                        "the body's content coding '\(name)' hides which model is asked for; gzip, deflate, br and "
                        + "zstd are read here, and bodies without one",
                    fields: "Accept-Encoding: gzip, deflate, br, zstd\r\n")
            case .failed(.corrupt(let coding)):
                LocalAnswer(status: 400, message: "the body is not what its Content-Encoding says, \(coding.name)")
            case .failed(.truncated(let coding)):
                LocalAnswer(
                    status: 400,
                    message: "the body ends before what its Content-Encoding says, \(coding.name), is complete")
            case .failed(.tooLarge):
                LocalAnswer(
                    status: 413, message: "the body is too long, once decoded, to find out which model it asks for")
            case .failed(.outOfMemory):
                LocalAnswer(
                    status: 503, message: "there is no memory to decode the body with", retryAfter: 1)
            }
        }
    }

    /// Undoes the coding of one body, piece by piece.
    struct Decoding {
        private var decoder: ContentDecoder?
        private var problem: Problem?

        /// - Parameter budget: more than this many bytes are not decoded
        init(_ coding: RequestCoding, budget: Int) {
            let codings: ContentCodings
            do throws(ContentCodings.Unknown) {
                codings = try ContentCodings(coding.field)
            } catch {
                problem = .unknown(error.name)
                return
            }
            do throws(DecodingError) {
                decoder = try ContentDecoder(codings, budget: budget)
            } catch {
                problem = .failed(error)
            }
        }

        /// - Parameter body: gets what the piece stands for
        mutating func decode(_ piece: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
            guard problem == nil, let decoder else { return }
            do throws(DecodingError) {
                try decoder.decode(piece, body)
            } catch {
                problem = .failed(error)
            }
        }

        /// The body has ended.
        ///
        /// - Returns: why not all of it could be decoded
        mutating func finish() -> Problem? {
            guard problem == nil, let decoder else { return problem }
            do throws(DecodingError) {
                try decoder.finish()
            } catch {
                problem = .failed(error)
            }
            return problem
        }
    }
}
