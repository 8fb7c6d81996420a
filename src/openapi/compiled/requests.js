// Ajv's standalone code for the OpenAPI description, written by `npm run compile:validators`. Do not edit.
import * as identifiers from '../../rooms/identifiers.ts';

const formats = {
  'mx-room-id': { validate: identifiers.isRoomId },
  'mx-user-id': { validate: identifiers.isUserId },
};

export const isInviteByThirdPartyId = validate22;
const schema33 = {"type":"object","title":"InviteByThirdPartyId","description":"Invites the owner of an email address or a phone number. A server that does not support it rejects it with 403 `M_THREEPID_DENIED`, even without `id_server` and `id_access_token`. A body that also has `user_id` is an `InviteByUserId`.","properties":{"id_server":{"type":"string","description":"Host name and optional port of the identity server.","x-well-formed":true},"id_access_token":{"type":"string","description":"The inviter's access token for the identity server.","x-well-formed":true},"medium":{"type":"string","description":"The kind of address, such as `email` or `msisdn`.","x-well-formed":true},"address":{"type":"string","description":"The address.","x-well-formed":true}},"required":["id_server","id_access_token","medium","address"]};
const func0 = Object.prototype.hasOwnProperty;

function validate22(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate22.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(data && typeof data == "object" && !Array.isArray(data)){
if((data.id_server === undefined) || (!(func0.call(data, "id_server")))){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "id_server"},message:"must have required property '"+"id_server"+"'"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if((data.id_access_token === undefined) || (!(func0.call(data, "id_access_token")))){
const err1 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "id_access_token"},message:"must have required property '"+"id_access_token"+"'"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if((data.medium === undefined) || (!(func0.call(data, "medium")))){
const err2 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "medium"},message:"must have required property '"+"medium"+"'"};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
if((data.address === undefined) || (!(func0.call(data, "address")))){
const err3 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "address"},message:"must have required property '"+"address"+"'"};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
if(data.id_server !== undefined && func0.call(data, "id_server")){
let data0 = data.id_server;
if(typeof data0 === "string"){
if(!data0.isWellFormed()){
const err4 = {instancePath:instancePath+"/id_server",schemaPath:"#/properties/id_server/x-well-formed",keyword:"x-well-formed",params:{},message:"must pass \"x-well-formed\" keyword validation"};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
else {
const err5 = {instancePath:instancePath+"/id_server",schemaPath:"#/properties/id_server/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
if(data.id_access_token !== undefined && func0.call(data, "id_access_token")){
let data1 = data.id_access_token;
if(typeof data1 === "string"){
if(!data1.isWellFormed()){
const err6 = {instancePath:instancePath+"/id_access_token",schemaPath:"#/properties/id_access_token/x-well-formed",keyword:"x-well-formed",params:{},message:"must pass \"x-well-formed\" keyword validation"};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
else {
const err7 = {instancePath:instancePath+"/id_access_token",schemaPath:"#/properties/id_access_token/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
}
if(data.medium !== undefined && func0.call(data, "medium")){
let data2 = data.medium;
if(typeof data2 === "string"){
if(!data2.isWellFormed()){
const err8 = {instancePath:instancePath+"/medium",schemaPath:"#/properties/medium/x-well-formed",keyword:"x-well-formed",params:{},message:"must pass \"x-well-formed\" keyword validation"};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
}
else {
const err9 = {instancePath:instancePath+"/medium",schemaPath:"#/properties/medium/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
}
if(data.address !== undefined && func0.call(data, "address")){
let data3 = data.address;
if(typeof data3 === "string"){
if(!data3.isWellFormed()){
const err10 = {instancePath:instancePath+"/address",schemaPath:"#/properties/address/x-well-formed",keyword:"x-well-formed",params:{},message:"must pass \"x-well-formed\" keyword validation"};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
}
else {
const err11 = {instancePath:instancePath+"/address",schemaPath:"#/properties/address/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err11];
}
else {
vErrors.push(err11);
}
errors++;
}
}
}
else {
const err12 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err12];
}
else {
vErrors.push(err12);
}
errors++;
}
validate22.errors = vErrors;
return errors === 0;
}
validate22.evaluated = {"props":{"id_server":true,"id_access_token":true,"medium":true,"address":true},"dynamicProps":false,"dynamicItems":false};

export const isInviteByUserId = validate23;
const schema34 = {"type":"object","title":"InviteByUserId","description":"Invites a user by Matrix user ID. Other fields are ignored.","properties":{"user_id":{"type":"string","description":"The invitee: a full user ID, at most 255 bytes of UTF-8.","format":"mx-user-id","pattern":"^@","x-well-formed":true},"reason":{"type":"string","description":"Becomes the `reason` of the membership event.","x-well-formed":true,"x-addedInMatrixVersion":"1.1"}},"required":["user_id"],"examples":[{"user_id":"@alice:example.org","reason":"We meet here on Fridays"}]};
const formats0 = formats["mx-user-id"];
const pattern4 = new RegExp("^@", "u");

function validate23(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate23.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(data && typeof data == "object" && !Array.isArray(data)){
if((data.user_id === undefined) || (!(func0.call(data, "user_id")))){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "user_id"},message:"must have required property '"+"user_id"+"'"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(data.user_id !== undefined && func0.call(data, "user_id")){
let data0 = data.user_id;
if(typeof data0 === "string"){
if(!pattern4.test(data0)){
const err1 = {instancePath:instancePath+"/user_id",schemaPath:"#/properties/user_id/pattern",keyword:"pattern",params:{pattern: "^@"},message:"must match pattern \""+"^@"+"\""};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if(!(formats0.validate(data0))){
const err2 = {instancePath:instancePath+"/user_id",schemaPath:"#/properties/user_id/format",keyword:"format",params:{format: "mx-user-id"},message:"must match format \""+"mx-user-id"+"\""};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
if(!data0.isWellFormed()){
const err3 = {instancePath:instancePath+"/user_id",schemaPath:"#/properties/user_id/x-well-formed",keyword:"x-well-formed",params:{},message:"must pass \"x-well-formed\" keyword validation"};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
else {
const err4 = {instancePath:instancePath+"/user_id",schemaPath:"#/properties/user_id/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data.reason !== undefined && func0.call(data, "reason")){
let data1 = data.reason;
if(typeof data1 === "string"){
if(!data1.isWellFormed()){
const err5 = {instancePath:instancePath+"/reason",schemaPath:"#/properties/reason/x-well-formed",keyword:"x-well-formed",params:{},message:"must pass \"x-well-formed\" keyword validation"};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
else {
const err6 = {instancePath:instancePath+"/reason",schemaPath:"#/properties/reason/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
}
else {
const err7 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
validate23.errors = vErrors;
return errors === 0;
}
validate23.evaluated = {"props":{"user_id":true,"reason":true},"dynamicProps":false,"dynamicItems":false};

export const isRoomId = validate24;
const schema35 = {"type":"string","title":"RoomId","description":"A room ID, at most 255 bytes of UTF-8: with a domain in room versions 1 to 11, without one in later versions.","format":"mx-room-id","pattern":"^!","examples":["!d41d8cd:matrix.org"]};
const formats2 = formats["mx-room-id"];
const pattern5 = new RegExp("^!", "u");

function validate24(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate24.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(typeof data === "string"){
if(!pattern5.test(data)){
const err0 = {instancePath,schemaPath:"#/pattern",keyword:"pattern",params:{pattern: "^!"},message:"must match pattern \""+"^!"+"\""};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(!(formats2.validate(data))){
const err1 = {instancePath,schemaPath:"#/format",keyword:"format",params:{format: "mx-room-id"},message:"must match format \""+"mx-room-id"+"\""};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
}
else {
const err2 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
validate24.errors = vErrors;
return errors === 0;
}
validate24.evaluated = {"dynamicProps":false,"dynamicItems":false};
